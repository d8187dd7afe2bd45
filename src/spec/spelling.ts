import { RegferryError } from '../errors.js';
import type { JsonObject } from './json.js';
import { printable } from './printable.js';

/** Names that are read of an object, by their folded form. */
export type Names = ReadonlyMap<string, string>;

/** The names that are read of an object, for {@link refuseOtherCase}. */
export function namesOf(...names: readonly string[]): Names {
  return new Map(names.map((name) => [fold(name), name]));
}

/**
 * Refuses an object with a name that differs from one of `names` by letter case alone. Go's JSON readers take it for that
 * name, and the last one of several counts, so that two programs would see two different images. `where` names the object
 * in the message, as in `layers[2]`. Maps whose keys anybody may choose, such as annotations, are not to be given here.
 * Throws E_MANIFEST.
 */
export function refuseOtherCase(object: JsonObject, names: Names, where: string): void {
  for (const name of Object.keys(object)) {
    const meant = names.get(fold(name));
    if (meant === undefined || meant === name) continue;
    throw new RegferryError(
      'E_MANIFEST',
      `${where} has "${printable(name, 40)}", which some programs read as ${meant} and others do not`,
    );
  }
}

/** The object as a reader sees it that does not mind the letter case of these names. */
export function inAnyCase(object: JsonObject, names: Names): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([name, value]) => [names.get(fold(name)) ?? name, value]),
  );
}

/** Letter case folded as Go's JSON reader does it, which also takes ſ for s and the Kelvin sign for k. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}
