import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { makeTempFolder, removeTempFolder } from './temp.js';

/** What a helper keeps for a registry. */
export interface KeptLogin {
  readonly Username: string;
  readonly Secret: string;
}

/** How a helper works. */
export interface CredentialHelperOptions {
  /** The part of its name behind `docker-credential-`. @default 'test' */
  readonly name?: string;
  /** What it keeps, by server URL. */
  readonly logins?: Readonly<Record<string, KeptLogin>>;
  /** Prints this to stdout and to stderr and ends with 1, whatever it is asked. */
  readonly failure?: string;
}

/** A credential helper: a program in a folder of its own. */
export interface TestCredentialHelper {
  readonly name: string;
  /** PATH of a run that is to find it. */
  readonly path: string;
  /** What it keeps now. */
  logins(): Record<string, KeptLogin>;
  /** What it was asked, in order: `get registry.test`. */
  calls(): string[];
  remove(): void;
}

/**
 * Writes a program that speaks the protocol of docker's credential helpers and keeps what it is given in a file.
 * https://github.com/docker/docker-credential-helpers#development
 */
export function makeCredentialHelper(options: CredentialHelperOptions = {}): TestCredentialHelper {
  const { name = 'test', logins = {}, failure } = options;
  const folder = makeTempFolder('helper');
  const kept = join(folder, 'logins.json');
  const calls = join(folder, 'calls');
  writeFileSync(kept, JSON.stringify(logins));
  const program = source(kept, calls, failure);
  writeFileSync(join(folder, `docker-credential-${name}`), program, { mode: 0o755 });
  return {
    name,
    path: `${folder}:${process.env['PATH'] ?? ''}`,
    logins: () => JSON.parse(readFileSync(kept, 'utf8')) as Record<string, KeptLogin>,
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').split('\n').filter(Boolean) : []),
    remove: () => removeTempFolder(folder),
  };
}

function source(kept: string, calls: string, failure: string | undefined): string {
  return `#!${process.execPath}
const fs = require('node:fs');
const [, , action] = process.argv;
const input = fs.readFileSync(0, 'utf8').trim();
const url = action === 'store' ? JSON.parse(input).ServerURL : input;
fs.appendFileSync(${JSON.stringify(calls)}, action + ' ' + url + '\\n');
const failure = ${JSON.stringify(failure ?? null)};
const fail = (text) => {
  console.log(text);
  process.exit(1);
};
if (failure !== null) {
  console.error(failure);
  fail(failure);
}
const kept = JSON.parse(fs.readFileSync(${JSON.stringify(kept)}, 'utf8'));
const save = () => fs.writeFileSync(${JSON.stringify(kept)}, JSON.stringify(kept));
if (action === 'get' || action === 'erase') {
  if (kept[url] === undefined) fail('credentials not found in native keychain');
  if (action === 'get') console.log(JSON.stringify({ ServerURL: url, ...kept[url] }));
  else {
    delete kept[url];
    save();
  }
} else if (action === 'store') {
  const { ServerURL, ...login } = JSON.parse(input);
  kept[ServerURL] = login;
  save();
} else fail('unknown credential action ' + action);
`;
}
