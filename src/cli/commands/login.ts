import type { StoredLogin } from '../../auth/login.js';
import { RegferryError } from '../../errors.js';
import { parseRegistry } from '../../spec/registry-name.js';
import { type Call, command, type Command } from '../command.js';
import type { Option, Values } from '../option.js';
import { type ConnectionOptions, connectionOptions, logOptions, type OutputOptions } from '../options.js';
import { readPassword } from '../password.js';
import { ask } from '../prompt.js';
import { requestOptions } from '../request-options.js';
import { registryOptions, type SideValues } from '../side-options.js';

type LoginValues = Omit<SideValues, 'anonymous'> & ConnectionOptions & Omit<OutputOptions, 'json'>;

/** `--authfile` of what writes it. */
const authfileOption: Option<string> = {
  ...connectionOptions.authfile,
  describe: 'keep the login in this file [that of docker]',
};

/** `regferry login`: checks a login and stores it where docker and podman find it. */
export const loginCommand: Command = command<LoginValues>({
  name: 'login',
  summary: 'log in to a registry',
  description: [
    'Asks the registry whether it takes a user name and password (or token), and stores them where docker, podman and skopeo find them too: with the credential helper that docker is set up with, else unencrypted in ~/.docker/config.json.',
    'On a terminal it asks for what is not given; elsewhere give --username and --password-stdin.',
  ],
  arguments: { usage: '<registry>', missing: ['the registry'], most: 1 },
  examples: [
    ['regferry login registry.example.com', 'asks for user name and password'],
    ['echo "$TOKEN" | regferry login --username ci --password-stdin ghcr.io', 'in a job'],
  ],
  options: {
    username: registryOptions.username,
    'password-stdin': registryOptions['password-stdin'],
    'plain-http': registryOptions['plain-http'],
    insecure: registryOptions.insecure,
    'ca-file': registryOptions['ca-file'],
    'cert-file': registryOptions['cert-file'],
    'key-file': registryOptions['key-file'],
    ...connectionOptions,
    authfile: authfileOption,
    ...logOptions,
  },
  run: logIn,
});

async function logIn(call: Call, values: Values<LoginValues>): Promise<void> {
  const registry = parseRegistry(call.args[0] ?? '');
  const entered = await enter(call, values);
  const api = await call.loadApi();
  const { checked, stored } = await api.login(registry, entered, {
    ...requestOptions(call, values, api, { createAuthfile: true }),
    plainHttp: values['plain-http'],
    insecure: values.insecure,
    caFile: values['ca-file'],
    certFile: values['cert-file'],
    keyFile: values['key-file'],
  });
  if (checked === 'unchecked') {
    const message = `${registry} asks for no login at /v2/: what was entered is stored, but could not be checked`;
    call.log.write('warn', message, { registry });
  }
  tellStored(call, registry, stored);
}

function tellStored({ log }: Call, registry: string, stored: StoredLogin): void {
  const keeper = stored.kind === 'helper' ? `; ${stored.helper} keeps the login` : '';
  log.write('info', `logged in to ${registry}${keeper}`, { registry, kept: stored.kind });
  if (stored.kind === 'helper') return;
  const advice = 'set credsStore in it to a credential helper to change that';
  log.write('warn', `the login is kept unencrypted in ${stored.label}; ${advice}`, { registry });
}

/** The user name and password, from options and the environment, else from the terminal. */
async function enter(
  call: Call,
  values: Values<LoginValues>,
): Promise<{ readonly username: string; readonly password: string }> {
  const { io, interruption } = call;
  const fromStdin = values['password-stdin'] === true;
  const inEnvironment = io.env['REGFERRY_PASSWORD'] ?? '';
  const onTerminal = io.stdin.isTTY === true && !fromStdin;
  if (!onTerminal) {
    const give = 'standard input is no terminal to ask at: give';
    if (values.username === undefined) throw new RegferryError('E_USAGE', `${give} --username`);
    if (!fromStdin && inEnvironment === '') {
      throw new RegferryError('E_USAGE', `${give} --password-stdin, or set REGFERRY_PASSWORD`);
    }
  }
  const { signal } = interruption;
  const username = values.username ?? (await ask(io, { text: 'User name: ', hidden: false }, signal));
  if (username.includes(':')) throw new RegferryError('E_USAGE', 'a user name cannot have a colon in it');
  if (fromStdin) return { username, password: await readPassword(io.stdin, '--password-stdin', signal) };
  if (inEnvironment !== '') return { username, password: inEnvironment };
  return { username, password: await ask(io, { text: 'Password: ', hidden: true }, signal) };
}
