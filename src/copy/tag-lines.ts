/** How far one target is with the items of a run. */
export interface Line {
  /** It shows no sign of life: the others go on without it. */
  readonly isQuiet: () => boolean;
  /** It is given up: what is left for it takes no time. */
  readonly isOver: () => boolean;
}

/** Work on an item at some lines, given by their numbers. Never rejects. */
export type Work<T> = (item: T, lines: readonly number[], turn: Turn) => Promise<void>;

/** What work on an item tells. */
export interface Turn {
  /** A line is through with the item. */
  end(line: number): void;
  /** A line has not begun with the item, and is to get it later, alone. */
  postpone(line: number): void;
  /** Resolves when `done` has settled, or the line is quiet. True for the former. */
  unlessQuiet(line: number, done: Promise<unknown>): Promise<boolean>;
}

interface State<T> extends Line {
  unfinished: number;
  readonly later: T[];
}

/**
 * Takes the same items along several lines, so many at a time. All lines share the work on an item, and the next one is
 * begun when all are through with it; but nobody waits for a line that is quiet. Such a one holds as many items as there
 * may be at a time, and gets the rest later, by itself.
 */
export class TagLines<T> {
  readonly #lines: readonly State<T>[];
  readonly #width: number;
  readonly #work: Work<T>;
  readonly #running = new Set<Promise<void>>();
  #wake: (() => void)[] = [];

  /** @param width items at a time. */
  constructor(lines: readonly Line[], width: number, work: Work<T>) {
    this.#lines = lines.map((line) => ({ ...line, unfinished: 0, later: [] }));
    this.#width = width;
    this.#work = work;
  }

  /** Looks again at which lines are quiet. */
  changed(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const go of wake) go();
  }

  /** Does the work for every item and line, and waits for all of it. Rejects as the items do, when nothing runs any more. */
  async all(items: AsyncGenerator<T, void, void>): Promise<void> {
    const failures: unknown[] = [];
    const take = async (): Promise<void> => {
      try {
        for await (const item of items) await this.#take(item);
      } catch (error) {
        failures.push(error);
      }
    };
    await Promise.all(Array.from({ length: this.#width }, take));
    await Promise.all(this.#lines.map((line, at) => this.#catchUp(line, at)));
    while (this.#running.size > 0) await Promise.all(this.#running);
    if (failures.length > 0) throw failures[0];
  }

  async #take(item: T): Promise<void> {
    const open: number[] = [];
    while (!this.#lines.some((line) => this.#hasRoom(line))) await this.#change();
    for (const [at, line] of this.#lines.entries()) {
      if (this.#hasRoom(line)) open.push(at);
      else line.later.push(item);
    }
    await this.#run(item, open);
  }

  async #catchUp(line: State<T>, at: number): Promise<void> {
    for (;;) {
      // What is under way may yet be put off.
      while (line.later.length === 0 && line.unfinished > 0) await this.#change();
      const item = line.later.shift();
      if (item === undefined) return;
      while (!this.#hasRoom(line)) await this.#change();
      void this.#run(item, [at]);
    }
  }

  async #run(item: T, lines: readonly number[]): Promise<void> {
    const left = new Set(lines);
    for (const at of lines) this.#count(at, 1);
    const end = (at: number): void => {
      if (!left.delete(at)) return;
      this.#count(at, -1);
      this.changed();
    };
    const turn: Turn = {
      end,
      postpone: (at) => {
        this.#lines[at]?.later.push(item);
        end(at);
      },
      unlessQuiet: (at, done) => this.#unlessQuiet(at, done),
    };
    const whole = this.#work(item, lines, turn).finally(() => {
      for (const at of lines) end(at);
      this.#running.delete(whole);
    });
    this.#running.add(whole);
    while ([...left].some((at) => this.#lines[at]?.isQuiet() === false)) await this.#change();
  }

  async #unlessQuiet(at: number, done: Promise<unknown>): Promise<boolean> {
    const state = { isDone: false };
    const settle = (): void => {
      state.isDone = true;
      this.changed();
    };
    done.then(settle, settle);
    while (!state.isDone && this.#lines[at]?.isQuiet() === false) await this.#change();
    return state.isDone;
  }

  #count(at: number, by: number): void {
    const line = this.#lines[at];
    if (line !== undefined) line.unfinished += by;
  }

  #hasRoom(line: State<T>): boolean {
    return line.unfinished < this.#width || line.isOver();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }
}
