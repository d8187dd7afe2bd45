import { Secrets } from '../secrets/secrets.js';
import { errorAnnotation } from './annotation.js';
import { Gate } from './gate.js';
import type { OutputStream } from './io.js';

const UP_AND_CLEAR = '\u001b[1A\u001b[2K';

/** Stderr as a place for lines that stay, and below them, on a terminal, a few that are drawn over again and again. */
export class StatusArea {
  /** What every line passes. */
  readonly gate: Gate;
  readonly #stream: OutputStream;
  #drawn: readonly string[] = [];

  constructor(stream: OutputStream, gate: Gate = new Gate(new Secrets(), false)) {
    this.#stream = stream;
    this.gate = gate;
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
    this.#write(this.gate.told(line));
  }

  /** Writes a line that a runner of GitHub Actions shows as an error. */
  annotate(text: string): void {
    this.#write(this.gate.command(errorAnnotation(this.gate.words(text))));
  }

  /** Draws these lines in place of the last ones. Each must fit into {@link columns}. */
  draw(lines: readonly string[]): void {
    const told = lines.map((line) => this.gate.told(line));
    const text = `${this.#erase()}${block(told)}`;
    this.#drawn = told;
    if (text !== '') this.#stream.write(text);
  }

  #write(line: string): void {
    this.#stream.write(`${this.#erase()}${line}\n${block(this.#drawn)}`);
  }

  #erase(): string {
    return UP_AND_CLEAR.repeat(this.#drawn.length);
  }
}

function block(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}
