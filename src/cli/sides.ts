import type { SideOptions } from '../api/options.js';
import { RegferryError } from '../errors.js';
import type { Call } from './command.js';
import { type Given, type GivenValue, variableOf } from './env-options.js';
import { optionValues } from './option-values.js';
import type { Values } from './option.js';
import { readPassword } from './password.js';
import { registryOptions, type SidePrefix, type SideValues } from './side-options.js';

/** What was given about one side, checked, but for a password that has still to be read from standard input. */
interface SideRequest {
  readonly prefix: SidePrefix;
  readonly values: Values<SideValues>;
  /** The password in the environment. */
  readonly password: string | undefined;
}

/** Reads the credentials of a command with one registry. Throws E_USAGE for options that contradict each other. */
export async function readSide(call: Call): Promise<SideOptions> {
  return finishSide(requestSide('', call), call);
}

/** Reads the credentials of both sides of a copy. Throws E_USAGE for options that contradict each other. */
export async function readSides(call: Call): Promise<{ source: SideOptions; target: SideOptions }> {
  const from = requestSide('from-', call);
  const to = requestSide('to-', call);
  if (from.values['password-stdin'] === true && to.values['password-stdin'] === true) {
    const message =
      'standard input holds one password: give --from-password-stdin or --to-password-stdin, and the other in';
    throw new RegferryError(
      'E_USAGE',
      `${message} ${passwordVariable('from-')} or ${passwordVariable('to-')}`,
    );
  }
  return { source: await finishSide(from, call), target: await finishSide(to, call) };
}

function requestSide(prefix: SidePrefix, { given, io }: Call): SideRequest {
  const own = settleAnonymous(prefix, withoutPrefix(prefix, given));
  const values = optionValues(registryOptions, own);
  const password = values.anonymous === true ? undefined : io.env[passwordVariable(prefix)];
  const request = { prefix, values, password: password === '' ? undefined : password };
  checkPair(request);
  return request;
}

function withoutPrefix(prefix: SidePrefix, given: Given): Map<string, GivenValue> {
  const own = new Map<string, GivenValue>();
  for (const name of Object.keys(registryOptions)) {
    const value = given.get(`${prefix}${name}`);
    if (value !== undefined) own.set(name, value);
  }
  return own;
}

/** "No credentials" beside credentials is a mistake, unless one of them comes from the environment: that one gives way. */
function settleAnonymous(prefix: SidePrefix, own: Map<string, GivenValue>): Given {
  const values = optionValues(registryOptions, own);
  const anonymous = own.get('anonymous');
  const named = own.get(values.username !== undefined ? 'username' : 'password-stdin');
  const wantsBoth =
    values.anonymous === true && (values.username ?? values['password-stdin'] === true) !== false;
  if (!wantsBoth || anonymous === undefined || named === undefined) return own;
  if (anonymous.origin === named.origin) {
    throw new RegferryError('E_USAGE', `--${prefix}anonymous uses no credentials: leave out ${named.name}`);
  }
  const givesWay = anonymous.origin === 'environment' ? ['anonymous'] : ['username', 'password-stdin'];
  for (const name of givesWay) own.delete(name);
  return own;
}

function checkPair({ prefix, values, password }: SideRequest): void {
  const hasPassword = values['password-stdin'] === true || password !== undefined;
  const passwordWords = `--${prefix}password-stdin or ${passwordVariable(prefix)}`;
  if (values.username !== undefined && !hasPassword) {
    throw new RegferryError('E_USAGE', `--${prefix}username needs a password: ${passwordWords}`);
  }
  if (values.username === undefined && hasPassword) {
    const source =
      values['password-stdin'] === true
        ? `--${prefix}password-stdin`
        : `the password in ${passwordVariable(prefix)}`;
    throw new RegferryError('E_USAGE', `${source} needs a user name: --${prefix}username`);
  }
  if ((values['cert-file'] === undefined) !== (values['key-file'] === undefined)) {
    const message = `a client certificate and its key belong together: give --${prefix}cert-file and --${prefix}key-file`;
    throw new RegferryError('E_USAGE', message);
  }
}

async function finishSide({ prefix, values, password }: SideRequest, call: Call): Promise<SideOptions> {
  const fromStdin = values['password-stdin'] === true;
  return {
    username: values.username,
    password: fromStdin
      ? await readPassword(call.io.stdin, `--${prefix}password-stdin`, call.interruption.signal)
      : password,
    anonymous: values.anonymous,
    plainHttp: values['plain-http'],
    insecure: values.insecure,
    caFile: values['ca-file'],
    certFile: values['cert-file'],
    keyFile: values['key-file'],
  };
}

function passwordVariable(prefix: SidePrefix): string {
  return variableOf(`${prefix}password`);
}
