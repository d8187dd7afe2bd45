import { text, type Option } from './option.js';
import { usageError } from './usage-error.js';

/** `--plan-out`: where to keep a plan for `regferry apply`. */
export const planOutOption: Option<string> = text(
  'Command',
  'FILE',
  'a file for the plan',
  'with --dry-run: keep the plan in this file, for regferry apply',
);

/** Where the plan is to be kept. Throws E_USAGE without --dry-run. */
export function planOutOf(
  values: { readonly 'plan-out'?: string; readonly 'dry-run'?: boolean },
  command: string,
): string | undefined {
  const planOut = values['plan-out'];
  if (planOut !== undefined && values['dry-run'] !== true) {
    throw usageError('--plan-out keeps what would be done: give --dry-run, too', command);
  }
  return planOut;
}
