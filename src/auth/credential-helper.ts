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

type HelperProcess = ChildProcessByStdio<Writable, Readable, Readable>;
type HelperSpawnOptions = SpawnOptionsWithStdioTuple<'pipe', 'pipe', 'pipe'>;

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
 * a path. What it says when it fails, on either stream, is told without secrets; what it answers is not. https://github.com/docker/docker-credential-helpers#development
 */
export function credentialHelper(suffix: string, options: HelperOptions = {}): CredentialHelper {
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]*$/.test(suffix)) {
    throw new RegferryError('E_CONFIG', 'the name of a credential helper must be one plain word');
  }
  const program = `docker-credential-${suffix}`;
  return {
    async get(serverUrl, op) {
      const result = await runHelper(program, 'get', serverUrl, options, op);
      const { status, output } = result;
      if (status === 0) return parseLogin(program, result);
      if (/credentials not found/i.test(output)) return undefined;
      throw failure(program, `get failed (exit status ${status})${words(result)}`);
    },
    async store(serverUrl, login, op) {
      const input = {
        ServerURL: serverUrl,
        Username: login.username.reveal(),
        Secret: login.secret.reveal(),
      };
      const result = await runHelper(program, 'store', JSON.stringify(input), options, op);
      if (result.status !== 0) {
        const said = words(result, [input.Username, input.Secret]);
        throw failure(program, `store failed (exit status ${result.status})${said}`);
      }
    },
    async erase(serverUrl, op) {
      const result = await runHelper(program, 'erase', serverUrl, options, op);
      const { status, output } = result;
      if (status === 0) return true;
      if (/credentials not found/i.test(output)) return false;
      throw failure(program, `erase failed (exit status ${status})${words(result)}`);
    },
  };
}

/** What comes behind the name of a secret: in JSON, and in a line where it has a digit, as hardly any other word has. */
const NAMED_SECRETS: readonly RegExp[] = [
  /"(?:Secret|password|auth|\w*token)"\s*:\s*"((?:[^"\\]|\\.)*)"/gi,
  /(?:secret|password|token)\s*[=:]\s*(?=\S*\d)([^\s"',;]{6,})/gi,
];

/** Characters of each of a helper's two streams that are told. */
const TOLD = 200;

/** What a helper said when it failed: its first lines, without what it was given or was about to give. */
function words({ output, noise }: HelperResult, [username = '', secret]: readonly string[] = []): string {
  const secrets = new Secrets();
  if (secret !== undefined) secrets.holdLogin(username, secret);
  for (const text of [output, noise]) {
    for (const pattern of NAMED_SECRETS) {
      for (const [, value = ''] of text.matchAll(pattern)) secrets.hold(value);
    }
  }
  const said = [output, noise]
    .map((text) => printable(secrets.redact(text).trim().replace(/\s+/g, ' '), TOLD))
    .filter((text) => text !== '');
  return said.length === 0 ? '' : `: ${[...new Set(said)].join('; ')}`;
}

function failure(program: string, what: string): RegferryError {
  return new RegferryError('E_CREDENTIAL_HELPER', `${program} ${what}`);
}

function parseLogin(program: string, { output, noise, status }: HelperResult): HelperLogin | undefined {
  // What it answered may be the login.
  const said = (): string => words({ output: '', noise, status });
  let json: unknown;
  try {
    json = JSON.parse(output);
  } catch {
    throw failure(program, `get answered with something that is not JSON${said()}`);
  }
  const fields = new Map<string, unknown>(
    typeof json === 'object' && json !== null ? Object.entries(json) : [],
  );
  const username = fields.get('Username') ?? '';
  const secret = fields.get('Secret');
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failure(program, `get answered without Username and Secret${said()}`);
  }
  if (username === '' && secret === '') return undefined;
  return { username: new Secret(username), secret: new Secret(secret) };
}

interface HelperResult {
  readonly status: number | string;
  readonly output: string;
  /** What it wrote to its standard error: words for people, if anything. */
  readonly noise: string;
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
  const child = start(program, action, options);
  return new Promise<HelperResult>((resolve, reject) => {
    const stop = (reason: Error): void => {
      release();
      child.kill('SIGKILL');
      child.stdin.destroy();
      child.stdout.destroy();
      child.stderr.destroy();
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
    const noise = collect(child.stderr, () => undefined);
    child.stdin.on('error', () => undefined); // a helper that does not read its input is judged by its exit status
    child.stdin.end(input);
    child.once('error', (error) => stop(spawnFailure(program, error)));
    child.once('exit', (code, killedBy) => {
      release();
      const status = code ?? killedBy ?? 'unknown';
      afterLastOutput([child.stdout, child.stderr], () =>
        resolve({ status, output: output(), noise: noise() }),
      );
    });
  });
}

function start(program: string, action: string, options: HelperOptions): HelperProcess {
  return (options.spawn ?? spawn)(program, [action], {
    stdio: ['pipe', 'pipe', 'pipe'],
    shell: false,
    windowsHide: true,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
}

/**
 * Calls back once what an ended program has written was read. A child that it has left behind may hold its output open
 * for ever, so the end of that is not waited for beyond a moment; what the program itself has written is in the pipe by then.
 */
function afterLastOutput(streams: readonly Readable[], done: () => void): void {
  let isDone = false;
  const finish = (): void => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    for (const stream of streams) stream.destroy();
    done();
  };
  // After a timer the loop looks at the pipes, and then comes to its immediates.
  const timer = setTimeout(() => setImmediate(finish), HELPER_OUTPUT_MS);
  const look = (): void => {
    if (streams.every(({ closed }) => closed)) finish();
  };
  for (const stream of streams) stream.once('close', look);
  look();
}

/** What comes from a stream; what is beyond the limit is read all the same, or the program would wait for that. */
function collect(stream: Readable, onTooMuch: () => void): () => string {
  const output = new JoinedBytes();
  stream.on('error', () => undefined);
  stream.on('data', (piece: Buffer) => {
    if (output.length + piece.length > HELPER_OUTPUT_BYTES) onTooMuch();
    else output.append(piece);
  });
  return () => output.toBuffer().toString('utf8');
}

function spawnFailure(program: string, error: Error & { readonly code?: unknown }): RegferryError {
  const what = error.code === 'ENOENT' ? 'is not on the PATH' : 'cannot be run';
  return new RegferryError('E_CREDENTIAL_HELPER', `${program} ${what}`, { cause: error });
}
