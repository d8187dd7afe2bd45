import { spawn, type ChildProcessByStdio, type SpawnOptionsWithStdioTuple } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

import { JoinedBytes } from '../content/joined-bytes.js';
import type { Op } from '../content/store.js';
import { abortError, RegferryError, throwIfAborted } from '../errors.js';
import { printable } from '../spec/printable.js';
import { Secrets } from '../secrets/secrets.js';
import { HELPER_OUTPUT_BYTES, HELPER_OUTPUT_MS, HELPER_TIMEOUT_MS } from './limits.js';
import { Secret } from './secret.js';

/** What a helper keeps for a registry. */
export interface HelperLogin {
  /** `<token>` when the secret is an identity token. */
  readonly username: Secret;
  readonly secret: Secret;
}

/** A `docker-credential-…` program. Each call rejects with E_CREDENTIAL_HELPER when it is missing, fails or hangs. */
export interface CredentialHelper {
  /** Undefined when it keeps nothing for this registry. */
  get(serverUrl: string, op?: Op): Promise<HelperLogin | undefined>;
  store(serverUrl: string, login: HelperLogin, op?: Op): Promise<void>;
  /** False when it kept nothing for this registry. */
  erase(serverUrl: string, op?: Op): Promise<boolean>;
}

type HelperProcess = ChildProcessByStdio<Writable, Readable, null>;
type HelperSpawnOptions = SpawnOptionsWithStdioTuple<'pipe', 'pipe', 'ignore'>;

/** How helpers are run. */
export interface HelperOptions {
  /** @default node:child_process spawn */
  readonly spawn?:
    ((command: string, args: readonly string[], options: HelperSpawnOptions) => HelperProcess) | undefined;
  /** Environment of the program, whose PATH finds it. @default that of this process */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** @default 60,000 */
  readonly timeoutMs?: number | undefined;
}

/**
 * The helper `docker-credential-<suffix>` from the PATH, run without a shell. Throws E_CONFIG when the suffix could be
 * a path. What it says when it fails is told without secrets; what it answers is not. https://github.com/docker/docker-credential-helpers#development
 */
export function credentialHelper(suffix: string, options: HelperOptions = {}): CredentialHelper {
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(suffix)) {
    throw new RegferryError('E_CONFIG', 'the name of a credential helper must be one plain word');
  }
  const program = `docker-credential-${suffix}`;
  return {
    async get(serverUrl, op) {
      const { status, output } = await runHelper(program, 'get', serverUrl, options, op);
      if (status === 0) return parseLogin(program, output);
      if (/credentials not found/i.test(output)) return undefined;
      throw failure(program, `get failed (exit status ${status})${words(output)}`);
    },
    async store(serverUrl, login, op) {
      const input = {
        ServerURL: serverUrl,
        Username: login.username.reveal(),
        Secret: login.secret.reveal(),
      };
      const { status, output } = await runHelper(program, 'store', JSON.stringify(input), options, op);
      if (status !== 0) {
        const said = words(output, [input.Username, input.Secret]);
        throw failure(program, `store failed (exit status ${status})${said}`);
      }
    },
    async erase(serverUrl, op) {
      const { status, output } = await runHelper(program, 'erase', serverUrl, options, op);
      if (status === 0) return true;
      if (/credentials not found/i.test(output)) return false;
      throw failure(program, `erase failed (exit status ${status})${words(output)}`);
    },
  };
}

/** What a helper said when it failed: its first lines, without what it was given or was about to give. */
function words(output: string, [username = '', secret]: readonly string[] = []): string {
  const secrets = new Secrets();
  if (secret !== undefined) secrets.holdLogin(username, secret);
  for (const [, value = ''] of output.matchAll(
    /"(?:Secret|password|auth|\w*token)"\s*:\s*"((?:[^"\\]|\\.)*)"/gi,
  )) {
    secrets.hold(value);
  }
  const said = printable(secrets.redact(output).trim(), 200);
  return said === '' ? '' : `: ${said}`;
}

function failure(program: string, what: string): RegferryError {
  return new RegferryError('E_CREDENTIAL_HELPER', `${program} ${what}`);
}

function parseLogin(program: string, output: string): HelperLogin | undefined {
  let json: unknown;
  try {
    json = JSON.parse(output);
  } catch {
    throw failure(program, 'get answered with something that is not JSON');
  }
  const fields = new Map<string, unknown>(
    typeof json === 'object' && json !== null ? Object.entries(json) : [],
  );
  const username = fields.get('Username') ?? '';
  const secret = fields.get('Secret');
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failure(program, 'get answered without Username and Secret');
  }
  if (username === '' && secret === '') return undefined;
  return { username: new Secret(username), secret: new Secret(secret) };
}

interface HelperResult {
  readonly status: number | string;
  readonly output: string;
}

/** Runs the program once. Whatever ends it early (time, size, abort) kills it and rejects at once. */
function runHelper(
  program: string,
  action: 'get' | 'store' | 'erase',
  input: string,
  options: HelperOptions,
  { signal }: Op = {},
): Promise<HelperResult> {
  throwIfAborted(signal);
  const child = (options.spawn ?? spawn)(program, [action], {
    stdio: ['pipe', 'pipe', 'ignore'],
    shell: false,
    windowsHide: true,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  return new Promise<HelperResult>((resolve, reject) => {
    const stop = (reason: Error): void => {
      release();
      child.kill('SIGKILL');
      child.stdin.destroy();
      child.stdout.destroy();
      reject(reason);
    };
    const onAbort = (): void => {
      if (signal !== undefined) stop(abortError(signal));
    };
    const timeoutMs = options.timeoutMs ?? HELPER_TIMEOUT_MS;
    const late = failure(program, `${action} took longer than ${timeoutMs / 1000} s`);
    const timer = setTimeout(() => stop(late), timeoutMs);
    const release = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    const output = collect(child.stdout, () => stop(failure(program, `${action} answered with too much`)));
    child.stdin.on('error', () => undefined); // a helper that does not read its input is judged by its exit status
    child.stdin.end(input);
    child.once('error', (error) => stop(spawnFailure(program, error)));
    child.once('exit', (code, killedBy) => {
      release();
      const status = code ?? killedBy ?? 'unknown';
      afterLastOutput(child.stdout, () => resolve({ status, output: output() }));
    });
  });
}

/**
 * Calls back once what an ended program has written was read. A child that it has left behind may hold its output open
 * for ever, so the end of that is not waited for beyond a moment; what the program itself has written is in the pipe by then.
 */
function afterLastOutput(stdout: Readable, done: () => void): void {
  if (stdout.closed) {
    done();
    return;
  }
  const finish = (): void => {
    clearTimeout(timer);
    stdout.removeListener('close', finish);
    stdout.destroy();
    done();
  };
  // After a timer the loop looks at the pipes, and then comes to its immediates.
  const timer = setTimeout(() => setImmediate(finish), HELPER_OUTPUT_MS);
  stdout.once('close', finish);
}

function collect(stdout: Readable, onTooMuch: () => void): () => string {
  const output = new JoinedBytes();
  stdout.on('data', (piece: Buffer) => {
    if (output.length + piece.length > HELPER_OUTPUT_BYTES) onTooMuch();
    else output.append(piece);
  });
  return () => output.toBuffer().toString('utf8');
}

function spawnFailure(program: string, error: Error & { readonly code?: unknown }): RegferryError {
  const what = error.code === 'ENOENT' ? 'is not on the PATH' : 'cannot be run';
  return new RegferryError('E_CREDENTIAL_HELPER', `${program} ${what}`, { cause: error });
}
