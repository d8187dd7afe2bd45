import type { CopyPlan, CopyReport } from '../copy/report.js';
import { isRegferryError, RegferryError, toRegferryError } from '../errors.js';
import { advised } from './advice.js';
import type { Failure } from './command.js';
import { exitCode } from './exit-codes.js';
import type { Ending } from './interruption.js';

/** What went wrong, in the end: what ended the run from outside, if anything did, else the error. */
export function failureOf(error: unknown, ending?: Ending): Failure {
  const known = toRegferryError(error);
  return { thrown: error, ...(ending ?? { error: known, exit: exitCode(known.code) }) };
}

/** The report that an error carries, and whether it is of a copy or of a dry run. */
export type CarriedReport =
  | { readonly kind: 'copy'; readonly report: CopyReport }
  | { readonly kind: 'plan'; readonly report: CopyPlan };

/** Thrown when everything was done and the record of it could not be kept. */
export class RecordError extends RegferryError {
  override readonly name: string = 'RecordError';
  readonly report: CopyReport;

  constructor(message: string, report: CopyReport, cause: unknown) {
    super('E_IO', message, { cause });
    this.report = report;
  }
}

/**
 * The report of a CopyError, PlanError or {@link RecordError}. The first two are told by name, since their modules must
 * not be loaded before a command needs them.
 */
export function reportOf(error: unknown): CarriedReport | undefined {
  if (!isRegferryError(error) || !('report' in error)) return undefined;
  if (error instanceof RecordError) return { kind: 'copy', report: error.report };
  if (error.name === 'CopyError') return { kind: 'copy', report: error.report as CopyReport };
  if (error.name === 'PlanError') return { kind: 'plan', report: error.report as CopyPlan };
  return undefined;
}

/** An error as one line, with what to do about it, and with its side where that matters and is not said yet: `target: …`. */
export function errorLine(error: RegferryError, twoSided: boolean): string {
  const side =
    !twoSided || error.side === undefined || error.message.startsWith(error.side) ? '' : `${error.side}: `;
  const hint = error.code === 'E_INTERNAL' ? ' (a bug in regferry; --log-level debug shows where)' : '';
  return `${side}${advised(error, twoSided)}${hint}`;
}

/** The lines that tell a person what failed: one a target that failed, and what is beside them or above them. */
export function failureLines(failure: Failure, twoSided: boolean): string[] {
  const targets = reportOf(failure.thrown)?.report.targets ?? [];
  const lines: string[] = [];
  for (const target of targets) {
    if (target.error === undefined || target.error.code === 'E_ABORTED') continue;
    if (target.error.message === failure.error.message) continue;
    const text = advised(target.error, twoSided);
    // Many messages begin with what they are about.
    lines.push(text.startsWith(target.reference) ? text : `${target.reference}: ${text}`);
  }
  return [...lines, errorLine(failure.error, twoSided)];
}

/** Stack traces of an error and what caused it, for --log-level debug. */
export function stackLines(error: unknown): string[] {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current instanceof Error && depth < 8; depth++) {
    const stack = current.stack ?? String(current);
    lines.push(
      ...stack.split('\n').map((line, index) => (index === 0 && depth > 0 ? `caused by ${line}` : line)),
    );
    current = current.cause;
  }
  return lines;
}
