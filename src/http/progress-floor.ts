import type { Readable } from 'node:stream';

import { FLOOR_BYTES } from './limits.js';

const MINUTE_MS = 60_000;

/**
 * Ends a body that comes in a trickle: less than {@link FLOOR_BYTES} a minute, looked at once a `windowMs`. Time in which
 * it is held back by whoever reads it, since what was there has not been taken yet, does not count.
 * @param onSlow told how many bytes came in the window
 */
export function keepFloor(body: Readable, windowMs: number, onSlow: (bytes: number) => void): void {
  const least = Math.floor((FLOOR_BYTES * windowMs) / MINUTE_MS);
  let bytes = 0;
  let isHeld = false;
  const look = (): void => {
    if (isHeld) return;
    if (bytes < least) {
      onSlow(bytes);
      return;
    }
    bytes = 0;
    timer.refresh();
  };
  const timer = setTimeout(look, windowMs).unref();
  const push = body.push.bind(body);
  const read = body._read.bind(body);
  body.push = (piece: unknown, encoding?: BufferEncoding): boolean => {
    if (piece === null) clearTimeout(timer);
    else if (piece instanceof Uint8Array) bytes += piece.length;
    const goesOn = push(piece, encoding);
    isHeld = !goesOn;
    return goesOn;
  };
  body._read = (size: number): void => {
    if (isHeld) {
      isHeld = false;
      bytes = 0;
      timer.refresh();
    }
    read(size);
  };
  body.once('close', () => clearTimeout(timer));
}
