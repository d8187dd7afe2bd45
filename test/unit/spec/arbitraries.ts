import fc from 'fast-check';

/** Any sequence of UTF-16 units: controls, lone surrogates, everything. */
export const anyText: fc.Arbitrary<string> = fc.string({
  unit: fc.oneof(
    fc.nat(0xffff).map((unit) => String.fromCharCode(unit)),
    fc.constantFrom(...'abcXYZ019:/@._-[]()+=, \t\n\u0000\u001b\u202e'.split('')),
  ),
  maxLength: 300,
});

const hex64: fc.Arbitrary<string> = hex(64);
const hex128: fc.Arbitrary<string> = hex(128);
export const digestText: fc.Arbitrary<string> = fc.oneof(
  hex64.map((digits) => `sha256:${digits}`),
  hex128.map((digits) => `sha512:${digits}`),
);

export const tagText: fc.Arbitrary<string> = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/);
const component = fc.stringMatching(/^[a-z0-9]{1,4}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,4}){0,2}$/);
export const pathText: fc.Arbitrary<string> = fc
  .array(component, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'));

const label = fc.stringMatching(/^[A-Za-z](?:[A-Za-z0-9]{0,6}[A-Za-z0-9])?$/);
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const host = fc.oneof(
  fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join('.')),
  fc.constantFrom('localhost', '[::1]', '[2001:db8::1]', '127.0.0.1', 'docker.io', 'index.docker.io'),
);
export const domainText: fc.Arbitrary<string> = fc
  .tuple(host, port)
  .map(([name, number]) => (number === undefined ? name : `${name}:${number}`));

/** Any well-formed image reference. */
export const referenceText: fc.Arbitrary<string> = fc
  .record({
    domain: fc.option(domainText, { nil: undefined }),
    path: pathText,
    tag: fc.option(tagText, { nil: undefined }),
    digest: fc.option(digestText, { nil: undefined }),
  })
  // A dot in front of the first slash would make it a registry.
  .filter(({ domain, path }) => domain !== undefined || !/^[^/]*\.[^/]*\//.test(path))
  .map(
    ({ domain, path, tag, digest }) =>
      `${domain === undefined ? '' : `${domain}/`}${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`,
  );

function hex(length: number): fc.Arbitrary<string> {
  return fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'.split('')),
    minLength: length,
    maxLength: length,
  });
}
