import type { Secrets } from '../secrets/secrets.js';
import { variableOf } from './env-options.js';
import { type OptionTable, parseFlag } from './option.js';
import { secretWord } from './spelled-option.js';

/**
 * Keeps the secrets that were given to the program itself, also where they do not belong: passwords and tokens in the
 * environment, logins in the addresses of proxies and in references, what is glued to an option or comes after one that
 * means a password, and values of options that are none.
 */
export function holdGiven(
  secrets: Secrets,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  table: OptionTable,
): void {
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && value !== '') holdVariable(secrets, name, value, table);
  }
  for (const [index, token] of argv.entries()) holdArgument(secrets, token, argv[index + 1], table);
}

function holdVariable(secrets: Secrets, name: string, value: string, table: OptionTable): void {
  const isOurs = /^REGFERRY_/i.test(name);
  if (isOurs || /^(?:https?|all)_proxy$/i.test(name)) holdLogin(secrets, value);
  if (!isOurs) return;
  const option = Object.entries(table).find(([known]) => variableOf(known) === name)?.[1];
  const means =
    option === undefined ? /PAS+W|PASS|TOKEN|SECRET|CRED/i.test(name) : !isRead(option.parse, value);
  if (means && parseFlag(value) === undefined) secrets.hold(value);
}

function isRead(parse: (text: string) => unknown, value: string): boolean {
  try {
    return parse(value) !== undefined;
  } catch {
    return false;
  }
}

function holdArgument(secrets: Secrets, token: string, next: string | undefined, table: OptionTable): void {
  holdLogin(secrets, token);
  const [, dashes = '', name = '', value] = /^(--?)([^=]+)(?:=(.*))?$/s.exec(token) ?? [];
  const known = dashes === '--' && table[name]?.kind !== undefined && table[name].kind !== 'flag';
  if (dashes === '' || known) return;
  if (value !== undefined && parseFlag(value) === undefined) holdValue(secrets, value);
  if (table[name] !== undefined || name.length === 1) {
    if (/^[pu]$/.test(name)) holdValue(secrets, next ?? '');
    return;
  }
  const word = dashes === '--' ? secretWord(name) : name.slice(0, 1);
  if (word === undefined) return;
  if (name.length > word.length) holdValue(secrets, name.slice(word.length));
  else if (value === undefined && next?.startsWith('-') === false) holdValue(secrets, next);
}

/** A value that may be a password or token, or both of a login. */
function holdValue(secrets: Secrets, value: string): void {
  const colon = value.indexOf(':');
  if (colon > 0) secrets.hold(value.slice(colon + 1));
  secrets.hold(value, { whole: colon > 0 });
}

/** The password in `user:password@host`, whatever is in front of it. */
function holdLogin(secrets: Secrets, text: string): void {
  const [, password] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^:@/]*:(.+)@(?!sha\d)/is.exec(text) ?? [];
  if (password === undefined || text.startsWith('oci:')) return;
  secrets.hold(password);
  try {
    secrets.hold(decodeURIComponent(password));
  } catch {
    // It is not percent-encoded: it is what it is.
  }
}
