import { RegferryError } from '../errors.js';
import type { Io } from './io.js';

/** Longest password or token: the largest in use are a few kilobytes. */
const LONGEST_BYTES = 64 * 1024;

/**
 * Reads a password or token from standard input to its end; a byte order mark before it and one line end after
 * it do not belong to it.
 * Throws E_USAGE when there is none, when it is too long, or when a terminal would show it;
 * what the stream throws when `signal` cuts it off.
 */
export async function readPassword(stdin: Io['stdin'], option: string, signal: AbortSignal): Promise<string> {
  if (stdin.isTTY === true) {
    throw new RegferryError('E_USAGE', `${option} reads what is piped in, and standard input is a terminal`);
  }
  // Else a process that waits for its input would not end.
  const giveUp = (): void => {
    stdin.destroy();
  };
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await readToEnd(stdin, option);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

async function readToEnd(stdin: Io['stdin'], option: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    const bytes = chunk instanceof Uint8Array ? Buffer.from(chunk) : Buffer.from(String(chunk));
    length += bytes.length;
    if (length > LONGEST_BYTES) {
      throw new RegferryError(
        'E_USAGE',
        `${option}: what was piped in is longer than ${LONGEST_BYTES} bytes`,
      );
    }
    chunks.push(bytes);
  }
  const password = textOf(Buffer.concat(chunks)).replace(/\r?\n$/, '');
  if (password === '') throw new RegferryError('E_USAGE', `${option}: standard input was empty`);
  return password;
}

/** Editors and shells of Windows put a byte order mark in front, which belongs to no password, and may write UTF-16. */
function textOf(bytes: Buffer): string {
  const [first = 0, second = 0] = bytes;
  const isWide = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  const encoding = !isWide ? 'utf-8' : first === 0xff ? 'utf-16le' : 'utf-16be';
  return new TextDecoder(encoding).decode(bytes);
}
