/**
 * The same items, read as fast as they come while the first are still being worked on: whoever takes them waits for none
 * that could be there already. Several may take from it at once; each item goes to one. Throws what reading threw, after
 * the items that came before.
 */
export async function* readingAhead<T>(items: AsyncIterable<T>): AsyncGenerator<T, void, void> {
  const ready: T[] = [];
  const state = { isAtEnd: false, wake: (): void => undefined };
  const read = async (): Promise<void> => {
    try {
      for await (const item of items) {
        ready.push(item);
        state.wake();
      }
    } finally {
      state.isAtEnd = true;
      state.wake();
    }
  };
  const reading = read();
  reading.catch(() => undefined);
  for (let at = 0; ;) {
    const taken = ready.slice(at);
    at += taken.length;
    yield* taken;
    if (at < ready.length) continue;
    if (state.isAtEnd) break;
    await new Promise<void>((resolve) => (state.wake = resolve));
  }
  await reading;
}
