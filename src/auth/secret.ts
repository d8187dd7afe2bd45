/**
 * A string that never shows itself: not to `util.inspect`, `JSON.stringify`, `String()` or a spread.
 * Passwords, tokens and user names (some registries want a token as the user name) are held in one.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one place that sends it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }
}
