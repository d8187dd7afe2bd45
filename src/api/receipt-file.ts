import { RegferryError, type Hint } from '../errors.js';
import { isJsonObject, own, ownText, type JsonObject } from '../spec/json.js';
import { parseDocument, readDigest, readFlag, readObjects, readPrevious, readReference } from './document.js';
import { PREDICATE_TYPE, STATEMENT_TYPE, type Receipt } from './receipt.js';
import type { RecordedTag, RecordedTags } from './recorded.js';

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
  const startedAt = ownText(predicate, 'startedAt');
  return {
    predicate: {
      tags: readObjects(predicate, 'tags', bad).map(readTag),
      ...(startedAt === undefined ? {} : { startedAt }),
      ...readRepeat(predicate),
    },
  };
}

function readTag(tag: JsonObject): RecordedTag {
  const error = own(tag, 'error');
  return {
    reference: readReference(tag, bad),
    digest: own(tag, 'digest') === null ? null : readDigest(tag, 'digest', bad),
    changed: readFlag(tag, 'changed', bad),
    ...(own(tag, 'previous') === undefined ? {} : { previous: readPrevious(tag, bad) }),
    ...(own(tag, 'unsure') === undefined ? {} : { unsure: readFlag(tag, 'unsure', bad) }),
    ...readAlsoWas(tag),
    ...(error === undefined ? {} : { error }),
  };
}

function readAlsoWas(tag: JsonObject): Pick<RecordedTag, 'alsoWas'> {
  const list = own(tag, 'alsoWas');
  if (list === undefined) return {};
  if (!Array.isArray(list)) throw bad('an "alsoWas" is no list');
  return { alsoWas: list.map((previous: unknown) => readPrevious({ previous }, bad)) };
}

function readRepeat(predicate: JsonObject): Pick<RecordedTags['predicate'], 'repeat'> {
  const repeat = own(predicate, 'repeat');
  if (repeat === undefined) return {};
  const [first, runs] = isJsonObject(repeat) ? [ownText(repeat, 'firstStartedAt'), own(repeat, 'runs')] : [];
  if (first === undefined || typeof runs !== 'number') throw bad('its "repeat" is not that of a receipt');
  return { repeat: { firstStartedAt: first, runs } };
}

function bad(why: string, cause?: unknown, hint?: Hint): RegferryError {
  return new RegferryError('E_CONFIG', `this receipt cannot be undone: ${why}`, { cause, hint });
}
