/** Ends of the names of archives. */
const ARCHIVE = /\.(?:tgz|tbz2?|txz|tzst|tar(?:\.(?:gz|bz2|xz|zst|lz4))?)$/i;
/** Paths as shells and people write them; no image begins like that. */
const PATH = /^(?:file:|\.{1,2}(?:[/\\]|$)|[/\\~]|[A-Za-z]:[/\\]|(?!localhost\/)[^:@.]+\/$)/;

/**
 * Why a text that was given for an image in a registry can hardly be meant as one, and what it may be meant for: a path, an
 * archive, a registry without a repository. Undefined for everything else, be it valid or not.
 */
export function misread(text: string): string | undefined {
  if (PATH.test(text)) return misreadPath(text.replace(/^file:(?:\/\/)?/, ''));
  if (text.includes('@') || text.includes('://')) return undefined;
  const [, name = '', tag] = /^([^/]*?)(?::([^:/]*))?$/.exec(text) ?? [];
  if (name === '') return hasRegistry(text) || !ARCHIVE.test(text) ? undefined : archive(text);
  if (ARCHIVE.test(name)) return archive(name);
  const isPort = tag === undefined || /^\d{2,5}$/.test(tag);
  if (!isPort || !(name === 'localhost' || name.includes('.'))) return undefined;
  return `it is a registry without a repository; did you mean ${text}/REPO?`;
}

function misreadPath(path: string): string {
  if (ARCHIVE.test(path)) return archive();
  // What stands before an @ may be a password.
  if (path.includes('@')) return 'it is a path; an OCI layout is oci:FOLDER';
  const spelled = path.replaceAll('\\', '/').replace(/^~(?=\/|$)/, '$HOME');
  return `it is a path; did you mean oci:${spelled}?`;
}

function archive(name?: string): string {
  const other =
    name === undefined ? '' : `, or docker.io/${name.includes('/') ? '' : 'library/'}${name} at Docker Hub`;
  return `it is an archive, and archives are not read yet; did you mean an OCI layout folder, oci:FOLDER${other}?`;
}

/** By Docker's rules: what stands before the first slash is a registry if it could be no part of a repository. */
function hasRegistry(text: string): boolean {
  return /^(?:localhost|[^/]*[.:A-Z][^/]*)\//.test(text);
}
