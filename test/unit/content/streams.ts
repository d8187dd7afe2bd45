import { Readable } from 'node:stream';

/** An iterable of pieces, one at a time. */
export async function* pieces(list: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  for (const piece of list) {
    await Promise.resolve();
    yield piece;
  }
}

/** Everything that came before the end or the error. */
export async function ended(
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ got: Uint8Array[]; error: unknown }> {
  const got: Uint8Array[] = [];
  try {
    for await (const piece of bytes) got.push(piece);
    return { got, error: undefined };
  } catch (error) {
    return { got, error };
  }
}

/** A stream that never ends by itself after its pieces, and whether it was destroyed. */
export function watched(list: readonly Uint8Array[]): { stream: Readable; destroyed: () => boolean } {
  const rest = [...list];
  const stream = new Readable({
    read() {
      const piece = rest.shift();
      if (piece !== undefined) this.push(piece);
    },
  });
  return { stream, destroyed: () => stream.destroyed };
}

/** A stream of one piece per array, as a source gives it. */
export function streamOf(...list: readonly Uint8Array[]): Readable {
  return Readable.from(list, { objectMode: false });
}

/** A stream that breaks after its pieces. */
export function failing(list: readonly Uint8Array[]): Readable {
  async function* broken(): AsyncGenerator<Uint8Array, void, void> {
    yield* pieces(list);
    throw new Error('cut');
  }
  return Readable.from(broken(), { objectMode: false });
}
