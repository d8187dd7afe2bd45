import { placeKey } from '../content/identity.js';
import { realFolder } from '../content/real-folder.js';
import type { Location } from '../spec/location.js';

/** A name for the repository or folder of a location, the same for every spelling of it. */
export async function locationKey(location: Location): Promise<string> {
  if (location.kind === 'layout') {
    return placeKey({ kind: 'layout', host: await realFolder(location.folder), repository: '' });
  }
  const { registry, repository } = location.reference;
  return placeKey({ kind: 'registry', host: registry, repository });
}
