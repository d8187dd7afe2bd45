import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { chooseChallenge, parseChallenges, usableChallenges } from '../../../src/auth/challenge.js';

function parsed(...values: string[]): unknown[] {
  return parseChallenges(values).map(({ scheme, params, token68 }) => [
    scheme,
    token68 ?? Object.fromEntries(params),
  ]);
}

describe('parseChallenges', () => {
  it.each<[string, string[], unknown[]]>([
    [
      'the usual Bearer challenge, with a comma inside the quoted scope',
      ['Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"'],
      [
        [
          'bearer',
          { realm: 'https://auth.example/token', service: 'reg', scope: 'repository:a/b:pull,push' },
        ],
      ],
    ],
    [
      'several header lines',
      ['Bearer realm="https://a/token"', 'Basic realm="b"'],
      [
        ['bearer', { realm: 'https://a/token' }],
        ['basic', { realm: 'b' }],
      ],
    ],
    [
      'several challenges in one line',
      ['Bearer realm="x", service="y", Basic realm="z, or so", charset="UTF-8"'],
      [
        ['bearer', { realm: 'x', service: 'y' }],
        ['basic', { realm: 'z, or so', charset: 'UTF-8' }],
      ],
    ],
    [
      'no space after the comma',
      ['Bearer realm="x",Basic realm="z"'],
      [
        ['bearer', { realm: 'x' }],
        ['basic', { realm: 'z' }],
      ],
    ],
    [
      'nothing at all between two parameters',
      ['Bearer realm="x"service="y"'],
      [['bearer', { realm: 'x', service: 'y' }]],
    ],
    [
      'nothing at all between two challenges',
      ['Bearer realm="x"Basic realm="z"'],
      [
        ['bearer', { realm: 'x' }],
        ['basic', { realm: 'z' }],
      ],
    ],
    ['escapes', ['Basic realm="a \\"quoted\\" \\\\ word"'], [['basic', { realm: 'a "quoted" \\ word' }]]],
    [
      'white space around the equals sign',
      ['Bearer realm = "x" , service= y'],
      [['bearer', { realm: 'x', service: 'y' }]],
    ],
    [
      'values without quotes',
      ['Bearer realm=https://a/token,service=s:5000'],
      [['bearer', { realm: 'https://a/token', service: 's:5000' }]],
    ],
    ['names and schemes in capitals', ['BEARER REALM="x"'], [['bearer', { realm: 'x' }]]],
    [
      'a token68 with padding',
      ['Negotiate abc==, Basic realm="x"'],
      [
        ['negotiate', 'abc=='],
        ['basic', { realm: 'x' }],
      ],
    ],
    [
      'a token68 at the end',
      ['Basic realm="x", NTLM TlRMTVNT'],
      [
        ['basic', { realm: 'x' }],
        ['ntlm', 'TlRMTVNT'],
      ],
    ],
    [
      'schemes without anything',
      ['Negotiate, Basic'],
      [
        ['negotiate', {}],
        ['basic', {}],
      ],
    ],
    [
      'a missing comma after a bare scheme',
      ['Negotiate Basic realm="x"'],
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
      ],
    ],
    ['a comma after the scheme', ['Bearer, realm="x"'], [['bearer', { realm: 'x' }]]],
    ['an empty unquoted realm', ['Bearer realm=,service="y"'], [['bearer', { realm: '', service: 'y' }]]],
    [
      'a quote that never ends',
      ['Bearer realm="https://a/token'],
      [['bearer', { realm: 'https://a/token' }]],
    ],
    ['a parameter twice', ['Basic realm="first", realm="second"'], [['basic', { realm: 'first' }]]],
    ['a parameter before any scheme', ['realm="x", Basic realm="y"'], [['basic', { realm: 'y' }]]],
    ['empty elements', [', ,Basic realm="x",,'], [['basic', { realm: 'x' }]]],
    ['an empty line', [''], []],
  ])('reads %s', (_, values, expected) => {
    expect(parsed(...values)).toEqual(expected);
  });

  it('keeps a parameter named like an object property', () => {
    expect(parseChallenges(['Bearer __proto__="x", realm="y"'])[0]?.params.get('__proto__')).toBe('x');
  });

  it('never throws and never returns more than its caps, whatever it is given', () => {
    const piece = fc.constantFrom('Bearer', 'Basic', ' ', ',', '=', '"', '\\', 'realm', 'x', '\0', 'é', '==');
    const line = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(piece).map((pieces) => pieces.join('')),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const challenges = parseChallenges(lines);
        expect(challenges.length).toBeLessThanOrEqual(32);
        for (const { scheme } of challenges) expect(scheme).toMatch(/^[!-~]+$/);
      }),
    );
  });

  it('reads back any parameters that were written with quotes', () => {
    const name = fc.stringMatching(/^[a-z]{1,10}$/);
    const value = fc.string({ unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 10 }), (params) => {
        const written = Object.entries(params).map(
          ([key, text]) => `${key}="${text.replace(/["\\]/g, '\\$&')}"`,
        );
        const [challenge] = parseChallenges([`Bearer ${written.join(', ')}`]);
        expect(Object.fromEntries(challenge?.params ?? [])).toEqual({ ...params });
      }),
    );
  });

  it('takes no time over a giant header', () => {
    const started = performance.now();
    expect(
      parseChallenges(Array.from({ length: 50 }, () => '",'.repeat(500_000))).length,
    ).toBeLessThanOrEqual(32);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('chooseChallenge', () => {
  it('takes Bearer before Basic, whatever the order', () => {
    expect(chooseChallenge(parseChallenges(['Basic realm="b"', 'Bearer realm="r"']))?.scheme).toBe('bearer');
  });

  it('takes Basic where Bearer names no realm', () => {
    expect(chooseChallenge(parseChallenges(['Bearer service="s"', 'Basic realm="b"']))?.scheme).toBe('basic');
  });

  it('finds nothing in schemes that are not supported', () => {
    expect(usableChallenges(parseChallenges(['Negotiate', 'NTLM', 'Digest realm="d", nonce="n"']))).toEqual(
      [],
    );
  });
});
