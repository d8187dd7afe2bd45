/**
 * Which repositories of a host are known to hold, or about to hold, a blob, so that it is uploaded to a host once and
 * mounted everywhere else.
 */
export class BlobLedger {
  readonly #holders = new Map<string, Promise<string | undefined>>();

  /** The claim on a blob at `host`: the repository that will hold it, once that is settled; undefined if unclaimed. */
  holder(host: string, digest: string): Promise<string | undefined> | undefined {
    return this.#holders.get(key(host, digest));
  }

  /** Notes that a repository holds a blob; an earlier claim stays. */
  found(host: string, digest: string, repository: string): void {
    const name = key(host, digest);
    if (!this.#holders.has(name)) this.#holders.set(name, Promise.resolve(repository));
  }

  /** Claims a blob: until `arrival` settles others wait for it; when it fails they are on their own. */
  claim(host: string, digest: string, repository: string, arrival: Promise<unknown>): void {
    const name = key(host, digest);
    const settled = arrival.then(
      () => repository,
      () => {
        this.#holders.delete(name);
        return undefined;
      },
    );
    this.#holders.set(name, settled);
  }
}

function key(host: string, digest: string): string {
  return `${host} ${digest}`;
}
