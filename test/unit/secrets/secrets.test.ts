import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import { Secrets } from '../../../src/secrets/secrets.js';

const password = 'p"ä/s+s w&rd=%7\\';
const token = `eyJhbGciOi.${Buffer.from('a payload of 60 bytes, or so it seems to whoever counts').toString('base64url')}`;

function holding(...values: string[]): Secrets {
  const secrets = new Secrets();
  for (const value of values) secrets.hold(value);
  return secrets;
}

const lower = (text: string): string => text.replaceAll(/%[0-9A-F]{2}/g, (found) => found.toLowerCase());
const everyCharacter = (text: string, escape: (code: number) => string): string =>
  Array.from(text)
    .map((character) => escape(character.codePointAt(0) ?? 0))
    .join('');
const hex = (code: number): string => code.toString(16).padStart(4, '0');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const spellings: readonly (readonly [string, (text: string) => string])[] = [
  ['as it is', (text) => text],
  ['percent-encoded', encodeURIComponent],
  ['percent-encoded in lower case', (text) => lower(encodeURIComponent(text))],
  ['percent-encoded twice', (text) => encodeURIComponent(encodeURIComponent(text))],
  ['in a form', (text) => new URLSearchParams({ a: text }).toString().slice(2)],
  ['in JSON', (text) => JSON.stringify(text).slice(1, -1)],
  ['in JSON within JSON', (text) => JSON.stringify(JSON.stringify(text)).slice(3, -3)],
  ['as \\u escapes', (text) => everyCharacter(text, (code) => `\\u${hex(code)}`)],
  ['as \\U escapes', (text) => everyCharacter(text, (code) => `\\u${hex(code).toUpperCase()}`)],
  ['in HTML by numbers', (text) => everyCharacter(text, (code) => `&#${code};`)],
  ['in HTML by hexadecimal numbers', (text) => everyCharacter(text, (code) => `&#x${code.toString(16)};`)],
  ['in HTML by names', (text) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')],
  ['in JSON in a URL', (text) => encodeURIComponent(JSON.stringify(text))],
  ['in base64', base64],
  ['in base64 behind one byte', (text) => base64(`:${text}`)],
  ['in base64 between others', (text) => base64(`mia:${text}:more`)],
  ['in base64url', (text) => Buffer.from(text).toString('base64url')],
  ['in base64 in a URL', (text) => encodeURIComponent(base64(text))],
  ['in base64 in JSON', (text) => JSON.stringify({ auth: base64(`mia:${text}`) })],
  ['in hexadecimal', (text) => Buffer.from(text).toString('hex')],
  [
    'in hexadecimal, in upper case, between others',
    (text) => `0a${Buffer.from(text).toString('hex').toUpperCase()}0`,
  ],
  ['in upper case', (text) => text.replaceAll(/[a-z]/g, (letter) => letter.toUpperCase())],
  ['in lower case', (text) => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())],
  ['with line ends in it', (text) => Array.from(text).join('\r\n')],
  ['with controls in it', (text) => Array.from(text).join('\u0000\u001b\u200b')],
  ['with a soft hyphen in it', (text) => `${text.slice(0, 3)}\u00ad${text.slice(3)}`],
];

describe('a secret is found', () => {
  it.each(spellings)('%s', (_, spell) => {
    for (const secret of [password, token, 'hunter2-canary', 'Xy7+/Q==']) {
      const shown = holding(secret).redact(`you sent "${spell(secret)}", which is wrong`);
      expect(shown).toContain('REDACTED');
      expect(shown).not.toContain(spell(secret));
      expect(shown).toMatch(/^you sent ".*", which is wrong$/s);
    }
  });

  it('in any mixture of spellings', () => {
    const ways = [
      (one: string) => one,
      (one: string) => encodeURIComponent(one),
      (one: string) => `\\u${hex(one.charCodeAt(0))}`,
      (one: string) => `&#${one.charCodeAt(0)};`,
    ];
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 16, maxLength: 16 }), (choice) => {
        const secret = 'S3cret+canary"/x';
        const spelled = Array.from(secret)
          .map((one, at) => ways[choice[at] ?? 0]?.(one) ?? one)
          .join('');
        return holding(secret).redact(`<${spelled}>`) === '<REDACTED>';
      }),
    );
  });

  it('as a part of it, where a long one was cut', () => {
    const secrets = holding(token);
    expect(secrets.redact(`bad token ${token.slice(0, 40)}…`)).toBe('bad token REDACTED…');
    expect(secrets.redact(`…${token.slice(20)} is bad`)).toBe('…REDACTED is bad');
    expect(secrets.redact(`… ${token.slice(15, 45)} …`)).toBe('… REDACTED …');
  });

  it('as the first or last half of a password with signs in it', () => {
    const secrets = holding('p"a&ss%/+ö\\wXy7rd<1>');
    expect(secrets.redact('wrong: p"a&ss%/+ö\\w…')).toBe('wrong: REDACTED…');
    expect(secrets.redact('wrong: …/+ö\\wXy7rd<1>!')).not.toContain('rd<1>');
  });

  it('with the user name in front of it, and as the header', () => {
    const secrets = new Secrets();
    secrets.holdAuthorization(`Basic ${base64('mia:S3cret-canary')}`);
    for (const text of ['mia:S3cret-canary', 'S3cret-canary', base64('mia:S3cret-canary')]) {
      expect(secrets.redact(`it is ${text}.`)).toBe('it is REDACTED.');
    }
  });

  it('several times, and where two overlap', () => {
    expect(holding('canary-one', 'one-canary').redact('canary-one-canary, canary-one')).toBe(
      'REDACTED, REDACTED',
    );
  });

  it('without being known, where it is a credential', () => {
    expect(new Secrets().redact('got bearer abcdefgh.ijklmnop.qrs')).toBe('got bearer REDACTED');
    expect(new Secrets().redact(`got ${token} here`)).toBe('got REDACTED here');
    expect(new Secrets().redact('basic authentication is needed')).toBe('basic authentication is needed');
  });
});

describe('ordinary text stays', () => {
  it('where a secret has up to 3 characters', () => {
    expect(holding('a', 'is', 'the').redact('this is the text')).toBe('this is the text');
  });

  it('around short secrets and plain words, which are found as words alone', () => {
    const secrets = holding('test', 'registry', 'pass1');
    expect(secrets.redact('latest tests of registries: pass12')).toBe('latest tests of registries: pass12');
    expect(secrets.redact('test: registry, pass1!')).toBe('REDACTED: REDACTED, REDACTED!');
  });

  it('where it shares words with a password', () => {
    const secrets = holding('registry.example.com-password-9');
    expect(secrets.redact('GET https://registry.example.com/v2/')).toBe(
      'GET https://registry.example.com/v2/',
    );
  });

  it('where a digest is like a secret', () => {
    const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
    expect(holding(digest.slice(7)).redact(`app@${digest}`)).toBe(`app@${digest}`);
  });

  it('in results, where a login is a plain word', () => {
    const secrets = holding('registry', 'test12', 'S3cret-canary');
    expect(secrets.redactResult('registry.example/test12:S3cret-canary')).toBe(
      'registry.example/test12:REDACTED',
    );
  });

  it('whatever it is, where no secret is in it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        (text) => new Secrets().redactResult(text) === text,
      ),
    );
  });
});

describe('looking for secrets', () => {
  it('takes no time, whatever it looks at', () => {
    const secrets = new Secrets();
    for (let index = 0; index < 1_500; index += 1)
      secrets.hold(base64(`${index} of many tokens, each its own`));
    const hostile = [
      '%25'.repeat(20_000),
      '\\u005c'.repeat(10_000),
      '&amp;'.repeat(12_000),
      'A'.repeat(64_000),
    ];
    const started = performance.now();
    for (const text of hostile) secrets.redact(text);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('goes by the secrets that were used last', () => {
    const secrets = holding('S3cret-canary');
    for (let index = 0; index < 2_000; index += 1) {
      secrets.hold(`token number ${index}, and no other`);
      secrets.hold('S3cret-canary');
    }
    expect(secrets.redact('S3cret-canary')).toBe('REDACTED');
    expect(secrets.redact('token number 1999, and no other')).toBe('REDACTED');
  });
});

describe('an error', () => {
  it('is made clean where it is, with its causes, its stack and its report', () => {
    const inner = Object.assign(new Error('socket said S3cret-canary'), { address: 'S3cret-canary' });
    const target = { reference: 'r/app:1', error: new RegferryError('E_DENIED', 'target: S3cret-canary') };
    const error = Object.assign(
      new RegferryError('E_DENIED', 'it said S3cret-canary', {
        cause: new AggregateError([inner], 'S3cret-canary'),
      }),
      { report: { targets: [target] } },
    );
    const secrets = holding('S3cret-canary');
    expect(secrets.redactError(error)).toBe(error);
    const all = [error, error.cause, inner, target.error] as Error[];
    for (const one of all) expect([one.message, one.stack]).not.toContain('S3cret-canary');
    expect(JSON.stringify(all.map(({ message, stack }) => [message, stack]))).not.toContain('canary');
    expect(inner.address).toBe('REDACTED');
    expect(error.message).toBe('it said REDACTED');
  });

  it('may be its own cause', () => {
    const error = new Error('S3cret-canary');
    error.cause = error;
    expect(holding('S3cret-canary').redactError(error).message).toBe('REDACTED');
  });
});
