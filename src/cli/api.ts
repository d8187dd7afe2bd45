import type * as applying from '../api/apply.js';
import type * as copying from '../api/copy.js';
import type * as environment from '../api/environment.js';
import type * as images from '../api/image.js';
import type * as planning from '../api/plan.js';
import type * as plans from '../api/plan-file.js';
import type * as promoting from '../api/promote.js';
import type * as recording from '../api/receipt.js';
import type * as receipts from '../api/receipt-file.js';
import type * as serving from '../api/serve.js';
import type * as undoing from '../api/undo.js';
import type * as logins from '../api/login.js';

/** The library's functions that commands call. */
export interface Api {
  readonly copy: typeof copying.copy;
  readonly plan: typeof planning.plan;
  readonly digest: typeof images.digest;
  readonly manifest: typeof images.manifest;
  readonly tags: typeof images.tags;
  readonly serve: typeof serving.serve;
  readonly fromEnvironment: typeof environment.fromEnvironment;
  readonly login: typeof logins.login;
  readonly logout: typeof logins.logout;
  readonly promote: typeof promoting.promote;
  readonly planPromotion: typeof promoting.planPromotion;
  readonly apply: typeof applying.apply;
  readonly undo: typeof undoing.undo;
  readonly formatPlan: typeof plans.formatPlan;
  readonly parsePlan: typeof plans.parsePlan;
  readonly createReceipt: typeof recording.createReceipt;
  readonly isRecordable: typeof recording.isRecordable;
  readonly formatReceipt: typeof receipts.formatReceipt;
  readonly parseReceipt: typeof receipts.parseReceipt;
}

/** Loads the library, and with it everything that takes long to load. */
export async function loadApi(): Promise<Api> {
  const [copying, reading, { serve }, { fromEnvironment }, { login, logout }] = await Promise.all([
    loadCopying(),
    import('../api/image.js'),
    import('../api/serve.js'),
    import('../api/environment.js'),
    import('../api/login.js'),
  ]);
  const { digest, manifest, tags } = reading;
  return { ...copying, digest, manifest, tags, serve, fromEnvironment, login, logout };
}

async function loadCopying() {
  const [{ copy }, { plan }, { promote, planPromotion }, { apply }, { undo }, plans, recording, receipts] =
    await Promise.all([
      import('../api/copy.js'),
      import('../api/plan.js'),
      import('../api/promote.js'),
      import('../api/apply.js'),
      import('../api/undo.js'),
      import('../api/plan-file.js'),
      import('../api/receipt.js'),
      import('../api/receipt-file.js'),
    ]);
  const { formatPlan, parsePlan } = plans;
  const { createReceipt, isRecordable } = recording;
  const { formatReceipt, parseReceipt } = receipts;
  return {
    ...{ copy, plan, promote, planPromotion, apply, undo },
    ...{ formatPlan, parsePlan, createReceipt, isRecordable, formatReceipt, parseReceipt },
  };
}
