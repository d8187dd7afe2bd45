const WINDOW_MS = 5000;

/** Bytes a second, measured over the last five seconds. */
export class Rate {
  readonly #samples: { at: number; moved: number }[] = [];
  #movedAt: number | undefined;

  /** Takes in how much has moved in all at a moment in milliseconds. */
  sample(at: number, moved: number): void {
    if (this.#movedAt === undefined || moved !== this.#samples.at(-1)?.moved) this.#movedAt = at;
    this.#samples.push({ at, moved });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) <= at - WINDOW_MS) this.#samples.shift();
  }

  /** Bytes a second; undefined while there is too little to tell by. */
  perSecond(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at - first.at < 200) return undefined;
    return ((last.moved - first.moved) / (last.at - first.at)) * 1000;
  }

  /** For how long nothing has moved, in milliseconds. */
  stillMs(): number {
    return (this.#samples.at(-1)?.at ?? 0) - (this.#movedAt ?? 0);
  }
}
