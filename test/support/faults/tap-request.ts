import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';

/**
 * Puts a filter between the connection and whoever reads the request's body. The connection is read only as fast as
 * the filter takes, and the filter is asked only as fast as the reader takes.
 */
export function tapRequest(
  request: IncomingMessage,
  filter: (chunks: AsyncIterable<Buffer>) => AsyncIterable<Buffer>,
): void {
  const arrived = new PassThrough();
  const push = request.push.bind(request);
  const readConnection = request._read.bind(request);
  const demand = new Demand();

  // The parser hands the body over by push(), and stops the connection when that returns false.
  request.push = (chunk: Buffer | null) => {
    if (chunk === null) arrived.end();
    else return arrived.write(chunk);
    return false;
  };
  request._read = (size) => {
    demand.raise();
    if (!arrived.writableNeedDrain) readConnection(size);
  };
  arrived.on('drain', () => {
    readConnection(0);
  });
  request.once('close', () => arrived.destroy());

  const pump = async (): Promise<void> => {
    for await (const chunk of filter(arrived)) {
      demand.clear();
      if (!push(chunk)) await demand.raised();
    }
    push(null);
  };
  pump().catch(() => request.destroy());
}

/** Whether the reader has asked for more since it was last given something. */
class Demand {
  #isRaised = false;
  #onRaise: (() => void) | undefined;

  raise(): void {
    this.#isRaised = true;
    this.#onRaise?.();
  }

  clear(): void {
    this.#isRaised = false;
  }

  raised(): Promise<void> {
    if (this.#isRaised) return Promise.resolve();
    return new Promise((resolve) => (this.#onRaise = resolve));
  }
}
