import { RegferryError } from '../errors.js';
import { JSON_NESTING } from './limits.js';

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
 * Throws E_MANIFEST, its message starting with `what`, for a byte order mark, anything that is no JSON, and nesting
 * deeper than JSON_NESTING.
 */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new RegferryError(
      'E_MANIFEST',
      `${what}: starts with a byte order mark, which JSON does not allow`,
    );
  }
  if (nestsTooDeep(bytes)) {
    throw new RegferryError('E_MANIFEST', `${what}: nests deeper than ${JSON_NESTING} levels`);
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
    return value;
  } catch (cause) {
    throw new RegferryError('E_MANIFEST', `${what}: not valid JSON`, { cause });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** One pass over the bytes that counts open brackets outside of strings; malformed JSON is left to the parser. */
function nestsTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth++;
      if (depth > JSON_NESTING) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return false;
}
