import { RegferryError, type Hint } from '../errors.js';
import { isJsonObject, own, type JsonObject } from '../spec/json.js';
import { parseDocument, readDigest, readFlag, readObjects, readPrevious, readReference } from './document.js';
import { PREDICATE_TYPE, STATEMENT_TYPE, type Receipt, type ReceiptTag } from './receipt.js';

/** A tag as a receipt tells of it, as far as undoing takes. */
export type RecordedTag = Pick<ReceiptTag, 'reference' | 'digest' | 'previous' | 'changed'>;

/** What undoing takes of a receipt. Every {@link Receipt} is one. */
export interface RecordedTags {
  readonly predicate: { readonly tags: readonly RecordedTag[] };
}

/** A receipt as the text of a file. */
export function formatReceipt(receipt: Receipt): string {
  return `${JSON.stringify(receipt, null, 2)}\n`;
}

/** Reads a receipt file, for `undo`. Throws E_CONFIG for anything that is no receipt, or one of another version. */
export function parseReceipt(text: string): RecordedTags {
  const document = parseDocument(text, bad);
  if (own(document, 'regferryPlan') !== undefined) {
    throw bad('this is a plan', undefined, { code: 'apply-plan' });
  }
  if (own(document, '_type') !== STATEMENT_TYPE) throw bad(`its "_type" is not ${STATEMENT_TYPE}`);
  if (own(document, 'predicateType') !== PREDICATE_TYPE) {
    throw bad(`its "predicateType" is not ${PREDICATE_TYPE}`);
  }
  const predicate = own(document, 'predicate');
  if (!isJsonObject(predicate)) throw bad('"predicate" is missing');
  return { predicate: { tags: readObjects(predicate, 'tags', bad).map(readTag) } };
}

function readTag(tag: JsonObject): RecordedTag {
  return {
    reference: readReference(tag, bad),
    digest: readDigest(tag, 'digest', bad),
    changed: readFlag(tag, 'changed', bad),
    ...(own(tag, 'previous') === undefined ? {} : { previous: readPrevious(tag, bad) }),
  };
}

function bad(why: string, cause?: unknown, hint?: Hint): RegferryError {
  return new RegferryError('E_CONFIG', `this receipt cannot be undone: ${why}`, { cause, hint });
}
