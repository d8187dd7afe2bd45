import type * as library from '../index.js';
import type * as recording from '../api/receipt.js';

/** The library's functions that commands call. */
export type Api = Pick<
  typeof library,
  | 'apply'
  | 'copy'
  | 'copyTags'
  | 'createReceipt'
  | 'digest'
  | 'formatPlan'
  | 'formatReceipt'
  | 'fromEnvironment'
  | 'login'
  | 'logout'
  | 'manifest'
  | 'parsePlan'
  | 'parseReceipt'
  | 'plan'
  | 'planPromotion'
  | 'planTags'
  | 'promote'
  | 'serve'
  | 'tags'
  | 'undo'
> &
  Pick<typeof recording, 'isRecordable'>;

/** Loads the library, and with it everything that takes long to load. */
export async function loadApi(): Promise<Api> {
  const [library, { isRecordable }] = await Promise.all([import('../index.js'), import('../api/receipt.js')]);
  return { ...library, isRecordable };
}
