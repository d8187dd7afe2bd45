import type { CopyPlan } from '../copy/report.js';
import { RegferryError, type Hint } from '../errors.js';
import { isJsonObject, own, ownText } from '../spec/json.js';
import { userAgent } from '../version.js';
import { boundDigest, type Plan } from './apply.js';
import { STATEMENT_TYPE } from './receipt.js';
import { parseDocument, readDigest, readFlag, readObjects, readPrevious, readReference } from './document.js';

/** The version of the plan file's format. */
const VERSION = 1;

/**
 * A plan as the text of a file that {@link parsePlan} reads back. `createdAt` is for people.
 * Throws E_USAGE for a plan that is not complete, E_DENIED for one of a tag that could not be seen.
 */
export function formatPlan(plan: CopyPlan, createdAt: Date = new Date()): string {
  boundDigest(plan);
  const { source, targets, platform, includeForeign = false, allOrNothing = false, expected } = plan;
  const document = {
    regferryPlan: VERSION,
    createdBy: userAgent,
    createdAt: createdAt.toISOString(),
    source,
    platform,
    includeForeign,
    allOrNothing,
    targets: targets.map(({ reference, digest, previous, changed, blobs, manifests, bytes }) => {
      return { reference, digest, previous, changed, blobs, manifests, bytes };
    }),
    expected,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/**
 * Reads a plan file, for `apply`. Numbers in it are for people, and left out. Throws E_CONFIG for anything that is no
 * plan, or one of another version.
 */
export function parsePlan(text: string): Plan {
  const document = parseDocument(text, bad);
  const version = own(document, 'regferryPlan');
  if (version === undefined && own(document, '_type') === STATEMENT_TYPE) {
    throw bad('this is a receipt', undefined, { code: 'undo-receipt' });
  }
  if (version === undefined) throw bad('it is no plan of regferry');
  if (version !== VERSION) throw bad(`its version is not ${VERSION}, the only one that is known here`);
  const source = own(document, 'source');
  if (!isJsonObject(source)) throw bad('"source" is missing');
  return {
    source: { reference: readReference(source, bad), digest: readDigest(source, 'digest', bad) },
    targets: readObjects(document, 'targets', bad).map((target) => ({
      reference: readReference(target, bad),
      previous: readPrevious(target, bad),
    })),
    platform: ownText(document, 'platform'),
    includeForeign: readFlag(document, 'includeForeign', bad),
    allOrNothing: readFlag(document, 'allOrNothing', bad),
  };
}

function bad(why: string, cause?: unknown, hint?: Hint): RegferryError {
  return new RegferryError('E_CONFIG', `this plan cannot be applied: ${why}`, { cause, hint });
}
