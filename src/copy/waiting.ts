import type { CopyJob } from './job.js';
import { patience } from './patience.js';

/** How long some wait for others before it is said for whom. */
export const SAID_AFTER_MS = 3_000;

/** Work of one target that the others wait for. */
export interface Awaited {
  /** How it is printed. */
  readonly name: string;
  readonly work: Promise<unknown>;
}

/**
 * Waits for the work of every target. Where some are through and wait for the others for {@link SAID_AFTER_MS}, a note says for
 * whom, as in `waiting for r.example.com/app to answer …`. Rejects as the first work that does.
 */
export async function waitingForAll(
  all: readonly Awaited[],
  what: string,
  { emit, patience: given }: Pick<CopyJob, 'emit' | 'patience'>,
): Promise<void> {
  const left = new Set(all);
  let hush: (() => void) | undefined;
  const tell = (): void => {
    const names = [...left].map(({ name }) => name).join(' and ');
    emit({ type: 'note', message: `waiting for ${names} ${what}` });
  };
  const through = (one: Awaited): void => {
    left.delete(one);
    if (left.size > 0) hush ??= (given ?? patience()).alarm(SAID_AFTER_MS, tell);
    else hush?.();
  };
  try {
    await Promise.all(all.map((one) => one.work.then(() => through(one))));
  } finally {
    hush?.();
  }
}
