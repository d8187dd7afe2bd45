declare const parsed: unique symbol;

/** A digest that passed {@link parseDigest}: safe in a URL, a file path and a log line. */
export type Digest = `${'sha256' | 'sha512'}:${string}` & { readonly [parsed]: true };
