import { ForwardingTarget } from '../content/forwarding.js';
import type {
  ContentTarget,
  Inspector,
  OpenBlob,
  PutOptions,
  PutOutcome,
  TagsOptions,
} from '../content/store.js';
import { isRegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
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

/** A target that is watched by a pulse. */
export class PulsingTarget extends ForwardingTarget {
  readonly #pulse: Pulse;
  readonly #inspector: Inspector | undefined;

  constructor(target: ContentTarget, pulse: Pulse) {
    super(target);
    this.#pulse = pulse;
    this.#inspector = target.inspector && watching(target.inspector, pulse);
  }

  override get inspector(): Inspector | undefined {
    return this.#inspector;
  }

  override resolve(...given: Parameters<ContentTarget['resolve']>): ReturnType<ContentTarget['resolve']> {
    return this.#pulse.during(() => super.resolve(...given));
  }

  override fetch(...given: Parameters<ContentTarget['fetch']>): ReturnType<ContentTarget['fetch']> {
    return this.#pulse.during(() => super.fetch(...given));
  }

  override open(...given: Parameters<ContentTarget['open']>): ReturnType<ContentTarget['open']> {
    return this.#pulse.during(() => super.open(...given));
  }

  override tags(options?: TagsOptions): AsyncIterable<string> {
    return listed(super.tags(options), this.#pulse);
  }

  override has(...given: Parameters<ContentTarget['has']>): Promise<boolean> {
    return this.#pulse.during(() => super.has(...given));
  }

  override put(descriptor: Descriptor, open: OpenBlob, options: PutOptions = {}): Promise<PutOutcome> {
    return this.#pulse.during(() => super.put(descriptor, open, beating(options, this.#pulse)));
  }

  override putManifest(...given: Parameters<ContentTarget['putManifest']>): Promise<void> {
    return this.#pulse.during(() => super.putManifest(...given));
  }

  override tag(...given: Parameters<ContentTarget['tag']>): Promise<void> {
    return this.#pulse.during(() => super.tag(...given));
  }
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
