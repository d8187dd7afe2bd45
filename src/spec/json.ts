import { RegferryError } from '../errors.js';
import { JSON_NESTING, JSON_VALUES } from './limits.js';

/** A JSON object whose members are not yet known. Read it with {@link own} only. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for `{…}`; false for null, arrays and the rest. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member's value if the object itself has it: `__proto__` and inherited names are nothing special. */
export function own(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** The member's value if it is a string of at least one character. */
export function ownText(object: JsonObject, name: string): string | undefined {
  const value = own(object, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/**
 * A view of bytes as JSON, for looking only. Bytes that are not UTF-8 are seen as U+FFFD, as Go's readers see them.
 * Throws E_MANIFEST, its message starting with `what`, for a byte order mark, anything that is no JSON, nesting deeper
 * than JSON_NESTING, and more than JSON_VALUES values.
 */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new RegferryError(
      'E_MANIFEST',
      `${what}: starts with a byte order mark, which JSON does not allow`,
    );
  }
  const excess = tooMuch(bytes);
  if (excess !== undefined) throw new RegferryError('E_MANIFEST', `${what}: ${excess}`);
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
    return value;
  } catch (cause) {
    throw new RegferryError('E_MANIFEST', `${what}: not valid JSON`, { cause });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/**
 * What there is too much of for the parser, which would take memory and time by what it is given: one pass over the bytes
 * that counts brackets and commas outside of strings. Malformed JSON is left to the parser.
 */
function tooMuch(bytes: Uint8Array): string | undefined {
  let depth = 0;
  let values = 1;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth++;
      values++;
      if (depth > JSON_NESTING) return `nests deeper than ${JSON_NESTING} levels`;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    else if (byte === COMMA) values++;
    if (values > JSON_VALUES) return `has more than ${JSON_VALUES} values`;
  }
  return undefined;
}
