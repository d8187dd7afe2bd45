import type { ContentTarget, Inspector, PutOptions } from '../content/store.js';
import { isRegferryError } from '../errors.js';
import type { Patience } from './patience.js';
import { saysNothing } from './row-of-failures.js';

/** Tells whether a target that was asked something answers at all. */
export class Pulse {
  readonly #patience: Patience;
  readonly #onQuiet: () => void;
  #asked = 0;
  #signs = 0;
  #isQuiet = false;
  #stop: (() => void) | undefined;

  /** @param onQuiet told when it has shown no sign of life for as long as patience lasts. */
  constructor(patience: Patience, onQuiet: () => void) {
    this.#patience = patience;
    this.#onQuiet = onQuiet;
  }

  /** True from when patience ended until the next sign of life. */
  get isQuiet(): boolean {
    return this.#isQuiet;
  }

  /** It has answered something, or taken some bytes. */
  beat(): void {
    this.#signs += 1;
    this.#isQuiet = false;
  }

  /** Runs what the target is asked. A failure is a sign of life as well, unless it says that none was to be seen. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#asked += 1;
    this.#watch();
    try {
      const answer = await work();
      this.beat();
      return answer;
    } catch (error) {
      if (!isRegferryError(error) || !saysNothing(error)) this.beat();
      throw error;
    } finally {
      this.#asked -= 1;
      if (this.#asked === 0) this.#stop?.();
    }
  }

  #watch(): void {
    if (this.#stop !== undefined) return;
    const then = this.#signs;
    const cancel = this.#patience.alarm(this.#patience.ms, () => {
      this.#stop = undefined;
      if (this.#signs === then) {
        this.#isQuiet = true;
        this.#onQuiet();
      }
      this.#watch();
    });
    this.#stop = () => {
      this.#stop = undefined;
      cancel();
    };
  }
}

/** The same target; what it is asked is watched by a pulse. */
export function pulsing(target: ContentTarget, pulse: Pulse): ContentTarget {
  const watched: ContentTarget = {
    place: target.place,
    metered: target.metered,
    behind: target,
    get mountsOwn() {
      return target.mountsOwn ?? false;
    },
    get doubtsMounts() {
      return target.doubtsMounts ?? false;
    },
    inspector: target.inspector === undefined ? undefined : watching(target.inspector, pulse),
    doubtMounts: () => target.doubtMounts?.(),
    toString: () => target.toString(),
    prepare: (requests, op) => target.prepare?.(requests, op),
    resolve: (key, op) => pulse.during(() => target.resolve(key, op)),
    fetch: (key, op) => pulse.during(() => target.fetch(key, op)),
    open: (descriptor, options) => pulse.during(() => target.open(descriptor, options)),
    tags: (options) => listed(target.tags(options), pulse),
    has: (descriptor, op) => pulse.during(() => target.has(descriptor, op)),
    put: (descriptor, open, options = {}) =>
      pulse.during(() => target.put(descriptor, open, beating(options, pulse))),
    putManifest: (manifest, options) => pulse.during(() => target.putManifest(manifest, options)),
    tag: (manifest, tag, op) => pulse.during(() => target.tag(manifest, tag, op)),
  };
  return watched;
}

function watching(inspector: Inspector, pulse: Pulse): Inspector {
  return {
    lacking: (root, options) => pulse.during(() => inspector.lacking(root, options)),
    damaged: (parts, op) => pulse.during(() => inspector.damaged(parts, op)),
  };
}

function beating(options: PutOptions, pulse: Pulse): PutOptions {
  const onProgress = (bytes: number): void => {
    pulse.beat();
    options.onProgress?.(bytes);
  };
  return { ...options, onProgress };
}

async function* listed(tags: AsyncIterable<string>, pulse: Pulse): AsyncGenerator<string, void, void> {
  const items = tags[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await pulse.during(() => items.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await items.return?.();
  }
}
