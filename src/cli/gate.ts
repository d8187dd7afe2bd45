import type { Secrets } from '../secrets/secrets.js';
import { plainText } from './annotation.js';

/** What all output passes on its way out: it takes secrets out, and in a job of GitHub Actions what its runner would act on. */
export class Gate {
  readonly #secrets: Secrets;
  readonly #inActions: boolean;

  constructor(secrets: Secrets, inActions: boolean) {
    this.#secrets = secrets;
    this.#inActions = inActions;
  }

  /** Words of any origin, whole: before they are cut, escaped or put among others. */
  words(text: string): string {
    return this.#secrets.redact(text);
  }

  /** Lines for people or a log, as they are written. */
  told(lines: string): string {
    return this.#inert(this.#secrets.redact(lines));
  }

  /** Results, as they are written: references, documents, records. */
  result(text: string): string {
    return this.#inert(this.#secrets.redactResult(text));
  }

  /** A command to the runner itself, in which nothing else may be one. */
  command(line: string): string {
    return this.#secrets.redact(line);
  }

  #inert(text: string): string {
    return this.#inActions ? plainText(text) : text;
  }
}
