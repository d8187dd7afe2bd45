import type { Readable } from 'node:stream';

/**
 * Calls `onOver` once: when a body is closed, or has not moved for so many milliseconds. Who waits for its end must not
 * wait for a reader that has forgotten it, or that waits for the same.
 */
export function whenOverOrStill(body: Readable, ms: number, onOver: () => void): void {
  const over = (): void => {
    clearTimeout(timer);
    onOver();
  };
  const timer = setTimeout(onOver, ms).unref();
  if (body.closed || body.destroyed) {
    over();
    return;
  }
  const push = body.push.bind(body);
  body.push = (piece: unknown, encoding?: BufferEncoding): boolean => {
    timer.refresh();
    return push(piece, encoding);
  };
  body.once('close', over);
}
