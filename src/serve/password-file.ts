import { createHmac, randomBytes } from 'node:crypto';

import { RegferryError } from '../errors.js';
import { printable } from '../spec/printable.js';
import { matchesBcrypt, parseBcrypt, type BcryptHash } from './bcrypt.js';

/** Highest cost that is accepted: a check takes 0.4 s then, during which nothing else is answered. */
const highestCost = 12;

/** Most users of a file. */
const mostUsers = 10_000;

/** Longest Authorization header that is looked at, and most answers that are remembered. */
const longestHeader = 4096;
const mostRemembered = 1000;

interface User {
  readonly name: string;
  readonly hash: BcryptHash;
}

/**
 * The users of an htpasswd file, and what they may do with it: all. A password that was checked is remembered by a keyed
 * hash of it, so that only the first request of a user pays for bcrypt; wrong ones too.
 */
export class PasswordFile {
  readonly #users: ReadonlyMap<string, BcryptHash>;
  readonly #decoy: BcryptHash | undefined;
  readonly #matches: typeof matchesBcrypt;
  readonly #secret = randomBytes(32);
  readonly #remembered = new Map<string, boolean>();

  private constructor(users: readonly User[], matches: typeof matchesBcrypt) {
    this.#matches = matches;
    // As in Apache's reader, the first line of a user is the one that counts.
    this.#users = new Map(users.map(({ name, hash }) => [name, hash] as const).reverse());
    this.#decoy = users[0]?.hash;
  }

  /**
   * Reads a file of `user:hash` lines, as `htpasswd -B` writes them; `path` is for messages. Blank lines and those that
   * begin with # are passed over. Throws E_CONFIG for other hashes than bcrypt, costs above 12, and a file without users.
   * `matches` is for tests.
   */
  static parse(content: string, path: string, matches: typeof matchesBcrypt = matchesBcrypt): PasswordFile {
    const users = content.split(/\r?\n/).flatMap((line, at) => {
      return line.trim() === '' || line.startsWith('#') ? [] : [parseLine(line, `${path}, line ${at + 1}`)];
    });
    if (users.length === 0) throw refused(`${path} has no users; add one with htpasswd -B`);
    if (users.length > mostUsers) throw refused(`${path} has more than ${mostUsers} users`);
    return new PasswordFile(users, matches);
  }

  /** True for the Authorization header of one of the users with the right password. */
  isAllowed(authorization: string | undefined): boolean {
    const given = readBasic(authorization);
    if (given === undefined) return false;
    const key = createHmac('sha256', this.#secret).update(`${given.name}:${given.password}`).digest('hex');
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined) return remembered;
    const allowed = this.#check(given.name, given.password);
    this.#remembered.set(key, allowed);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > mostRemembered && oldest !== undefined) this.#remembered.delete(oldest);
    return allowed;
  }

  /** A name that is not known takes as long as one that is, so that the time does not tell which names there are. */
  #check(name: string, password: string): boolean {
    const hash = this.#users.get(name) ?? this.#decoy;
    if (hash === undefined) return false;
    return this.#matches(password, hash) && this.#users.has(name);
  }
}

function parseLine(line: string, where: string): User {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(0, colon));
  if (name === '') throw refused(`${where}: expected user:hash`);
  const hash = parseBcrypt(line.slice(colon + 1).trim());
  const who = `${where} (${printable(name, 60)})`;
  if (hash === undefined) throw refused(`${who}: the hash is not bcrypt; make it with htpasswd -B`);
  if (hash.cost > highestCost) {
    throw refused(
      `${who}: the cost is ${hash.cost}, and more than ${highestCost} would hold up every request`,
    );
  }
  return { name, hash };
}

/** https://www.rfc-editor.org/rfc/rfc7617 */
function readBasic(header: string | undefined): { name: string; password: string } | undefined {
  if (header === undefined || header.length > longestHeader) return undefined;
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  // Programs written in C see the end of a password in a NUL.
  if (colon === -1 || text.includes('\0')) return undefined;
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

function refused(message: string): RegferryError {
  return new RegferryError('E_CONFIG', message);
}
