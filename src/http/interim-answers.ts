import type { Socket } from 'node:net';

import { HEADER_SIZE_LIMIT, INTERIM_ANSWERS } from './limits.js';

const NOTHING: Buffer = Buffer.alloc(0);
/** Codes of the bytes by which an interim answer is known, as in `HTTP/1.1 100`; -1 for any digit. */
const START = [0x48, 0x54, 0x54, 0x50, 0x2f, 0x31, 0x2e, -1, 0x20, 0x31, -1, -1];

/** More interim answers than anybody has a use for, or one that does not end; and not the answer itself. */
export class TooManyInterim extends Error {
  readonly code = 'ERR_INTERIM_ANSWERS';

  constructor() {
    super('interim answers without end');
  }
}

/**
 * Takes interim answers (1xx) out of what a connection receives: a client has to parse and pass over those that it did not
 * ask for (RFC 9110 15.2), and undici ends a connection with `100 Continue`. 101 stays, as it is no interim one. Looks at
 * what comes behind the head of a request alone, until the answer begins; the rest passes untouched.
 */
export class InterimFilter {
  #isAwaited = false;
  #held: Buffer = NOTHING;
  #count = 0;

  /** A request has been sent: what comes next is an answer. */
  expect(): void {
    this.#isAwaited = true;
    this.#held = NOTHING;
    this.#count = 0;
  }

  /** What is left of a piece. Throws {@link TooManyInterim}. */
  take(piece: Buffer): Buffer {
    if (!this.#isAwaited) return piece;
    let rest = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    this.#held = NOTHING;
    while (mayBeInterim(rest)) {
      const end = rest.length < START.length ? -1 : rest.indexOf('\r\n\r\n');
      if (end === -1) return this.#hold(rest);
      this.#count += 1;
      if (this.#count > INTERIM_ANSWERS) throw new TooManyInterim();
      rest = rest.subarray(end + 4);
    }
    this.#isAwaited = false;
    return rest;
  }

  #hold(rest: Buffer): Buffer {
    if (rest.length > HEADER_SIZE_LIMIT) throw new TooManyInterim();
    this.#held = rest;
    return NOTHING;
  }
}

/** True for the beginning of an interim answer, also for one that has just begun, or not even that. */
function mayBeInterim(bytes: Buffer): boolean {
  const begins = START.every((code, at) => {
    const byte = bytes[at] ?? code;
    return code === byte || (code === -1 && byte >= 0x30 && byte <= 0x39);
  });
  return begins && bytes.toString('latin1', 9, START.length) !== '101';
}

/** Puts a filter between a connection and undici, which takes what it receives by `read` and sends heads as strings. */
export function withoutInterim(socket: Socket): void {
  const filter = new InterimFilter();
  const read = socket.read.bind(socket);
  const write = socket.write.bind(socket);
  socket.read = (size?: number): unknown => {
    for (;;) {
      const piece: unknown = read(size);
      if (!Buffer.isBuffer(piece)) return piece;
      try {
        const rest = filter.take(piece);
        if (rest.length > 0) return rest;
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new TooManyInterim());
        return null;
      }
    }
  };
  socket.write = (...args: unknown[]): boolean => {
    if (typeof args[0] === 'string' && /^[A-Z]+ [^\r\n]* HTTP\/1\.1\r\n/.test(args[0])) filter.expect();
    const isDrained: unknown = Reflect.apply(write, socket, args);
    return isDrained === true;
  };
}
