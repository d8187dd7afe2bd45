import type { OutputStream } from './io.js';

const UP_AND_CLEAR = '\u001b[1A\u001b[2K';

/** Stderr as a place for lines that stay, and below them, on a terminal, a few that are drawn over again and again. */
export class StatusArea {
  readonly #stream: OutputStream;
  #drawn: readonly string[] = [];

  constructor(stream: OutputStream) {
    this.#stream = stream;
    // Nobody is left to be told when stderr is gone; the work goes on.
    stream.on('error', () => undefined);
  }

  /** Width in columns that a drawn line may use. */
  get columns(): number {
    return Math.max(20, (this.#stream.columns ?? 80) - 1);
  }

  /** Rows that may be drawn, so that what is below never scrolls away. */
  get rows(): number {
    return Math.max(1, (this.#stream.rows ?? 24) - 2);
  }

  /** Writes a line that stays, above the drawn ones. */
  print(line: string): void {
    this.#stream.write(`${this.#erase()}${line}\n${block(this.#drawn)}`);
  }

  /** Draws these lines in place of the last ones. Each must fit into {@link columns}. */
  draw(lines: readonly string[]): void {
    const text = `${this.#erase()}${block(lines)}`;
    this.#drawn = lines;
    if (text !== '') this.#stream.write(text);
  }

  #erase(): string {
    return UP_AND_CLEAR.repeat(this.#drawn.length);
  }
}

function block(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
