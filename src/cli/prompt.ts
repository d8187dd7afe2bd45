import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

import { RegferryError } from '../errors.js';
import type { Io } from './io.js';

/** What to ask for on a terminal. */
export interface Question {
  /** E.g. `Password: `. */
  readonly text: string;
  /** Do not show what is typed. */
  readonly hidden: boolean;
}

/**
 * Asks for one line on the terminal, through stderr. Throws E_USAGE when nothing was entered, E_ABORTED on Ctrl-C, and
 * the signal's reason.
 */
export async function ask(io: Io, question: Question, signal: AbortSignal): Promise<string> {
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const shown = question.hidden ? nowhere : io.stderr;
  const readline = createInterface({ input: io.stdin, output: shown, terminal: true, historySize: 0 });
  const stop = new AbortController();
  readline.once('SIGINT', () => {
    stop.abort(new RegferryError('E_ABORTED', 'interrupted'));
  });
  readline.once('close', () => {
    stop.abort(new RegferryError('E_USAGE', 'nothing was entered'));
  });
  const giveUp = (): void => {
    stop.abort(signal.reason);
  };
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    if (question.hidden) io.stderr.write(question.text);
    const answer = await readline.question(question.hidden ? '' : question.text, { signal: stop.signal });
    if (answer === '') throw new RegferryError('E_USAGE', 'nothing was entered');
    return answer;
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    signal.removeEventListener('abort', giveUp);
    readline.close();
    if (question.hidden) io.stderr.write('\n');
  }
}
