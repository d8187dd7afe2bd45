import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  formatReference,
  isTag,
  parseReference,
  parseRepository,
  parseTag,
  sameRegistry,
  withoutUser,
} from '../../../src/spec/reference.js';
import { anyText, digestText, domainText, pathText, referenceText, tagText } from './arbitraries.js';
import { outcome, refusal } from './outcome.js';

const HEX = '0123456789abcdef'.repeat(4);
const SHA256 = `sha256:${HEX}`;
const SHA512 = `sha512:${HEX}${HEX}`;
const P255 = `${'a'.repeat(127)}/${'b'.repeat(127)}`;

describe('parseReference', () => {
  test.each([
    ['ubuntu', 'docker.io/library/ubuntu'],
    ['ubuntu:22.04', 'docker.io/library/ubuntu:22.04'],
    ['docker.io/ubuntu', 'docker.io/library/ubuntu'],
    ['docker.io/library/ubuntu', 'docker.io/library/ubuntu'],
    ['index.docker.io/ubuntu', 'docker.io/library/ubuntu'],
    ['index.docker.io/a/b', 'docker.io/a/b'],
    ['registry-1.docker.io/ubuntu', 'docker.io/library/ubuntu'],
    ['Docker.IO/ubuntu', 'docker.io/library/ubuntu'],
    ['library/ubuntu', 'docker.io/library/ubuntu'],
    ['a/b__c', 'docker.io/a/b__c'],
    ['x--y', 'docker.io/library/x--y'],
    ['x-----y', 'docker.io/library/x-----y'],
    ['a.b/c', 'a.b/c'],
    ['a.b', 'docker.io/library/a.b'],
    ['Uppercase/x', 'Uppercase/x'],
    ['xn--n3h.com/x', 'xn--n3h.com/x'],
    ['localhost/x', 'localhost/x'],
    ['localhost:5000', 'docker.io/library/localhost:5000'],
    ['test.com:5000', 'docker.io/library/test.com:5000'],
    ['localhost:5000/x', 'localhost:5000/x'],
    ['localhost:5000/x:1', 'localhost:5000/x:1'],
    ['host:8080/a/b/c/d:T_.-9', 'host:8080/a/b/c/d:T_.-9'],
    ['[::1]:5000/repo', '[::1]:5000/repo'],
    ['[::1]/repo', '[::1]/repo'],
    ['[2001:db8::1]:5000/repo:tag', '[2001:db8::1]:5000/repo:tag'],
    ['127.0.0.1:5000/repo', '127.0.0.1:5000/repo'],
    [`r:t@${SHA256}`, `docker.io/library/r:t@${SHA256}`],
    [`r@${SHA256}`, `docker.io/library/r@${SHA256}`],
    [`q.io/r@${SHA512}`, `q.io/r@${SHA512}`],
    ['docker://ubuntu:1', 'docker.io/library/ubuntu:1'],
    ['docker://localhost:5000/x', 'localhost:5000/x'],
    [`x/${HEX}`, `docker.io/x/${HEX}`],
    [`q.io/${HEX}`, `q.io/${HEX}`],
    [`q.io/${P255}`, `q.io/${P255}`],
    [`r:${'t'.repeat(128)}`, `docker.io/library/r:${'t'.repeat(128)}`],
  ])('%s is %s', (text, meant) => {
    expect(formatReference(parseReference(text))).toBe(meant);
  });

  test('fills in no tag', () => {
    expect(parseReference('ubuntu')).toEqual({ registry: 'docker.io', repository: 'library/ubuntu' });
  });

  test('keeps tag and digest apart', () => {
    expect(parseReference(`q.io/r:t@${SHA256}`)).toEqual({
      registry: 'q.io',
      repository: 'r',
      tag: 't',
      digest: SHA256,
    });
  });

  test.each([
    '',
    ' ',
    ' ubuntu',
    'ubuntu ',
    'ubuntu\n',
    'docker://',
    'docker://docker://ubuntu',
    ':tag',
    '@',
    `@${SHA256}`,
    'ubuntu:',
    'ubuntu@',
    'ubuntu@latest',
    'ubuntu:a:b',
    'ubuntu:.a',
    'ubuntu:-a',
    'ubuntu:ä',
    'ubuntu:\u017f',
    'ubuntu:\u212a',
    `r:${'t'.repeat(129)}`,
    'Ubuntu',
    'library/Ubuntu',
    'q.io/Repo',
    '[::1]',
    '[::1]:5000',
    '[::1]x/repo',
    '[fe80::1%25eth0]:5000/x',
    '[::ffff:127.0.0.1]:5000/x',
    '[:::]/x',
    'dock..er',
    'dock_.er',
    'dock-.er',
    'a___b',
    '-x/y',
    'x-/y',
    '.x/y',
    'a/',
    'a//b',
    '/a',
    '/',
    'q.io/',
    'q.io//x',
    'q.io/../x',
    'q.io/x/..',
    'q.io/.x',
    'aa/asdf$$^/aa',
    'q..io/x',
    '-q.io/x',
    'q-.io/x',
    'q_q.io/x',
    'a_b.c-d/e',
    'q.io:/x',
    'q.io:port/x',
    'q.io:0/x',
    'q.io:65536/x',
    'q.io:123456/x',
    'q.io:80:80/x',
    '999.1.1.1/x',
    'münchen.de/x',
    `${'a.'.repeat(200)}b/x`,
    HEX,
    `q.io/${P255}c`,
    'a'.repeat(250),
    `x:${'y'.repeat(100_000)}`,
    `r@sha256:${HEX.toUpperCase()}`,
    'r@sha256:../../x',
    `r@sha256:${HEX}\r`,
    `r@${SHA256}@${SHA256}`,
    `r@${SHA256}:tag`,
    'https://registry.example.com/app',
    'http://localhost:5000/app',
    'oci://folder',
  ])('refuses %j', (text) => {
    expect(outcome(() => parseReference(text))).toBe('E_REFERENCE');
  });

  test('refuses a digest of an algorithm that it cannot verify, before any request', () => {
    expect(outcome(() => parseReference(`r@blake3:${HEX}`))).toBe('E_ALGORITHM');
  });

  test.each([
    ['https://q.io/app', 'leave out https://'],
    [HEX, 'image id'],
    ['q.io/App', 'lower case'],
    [`q.io/App:1@${SHA256}`, 'q.io/App:1@sha256:'],
    ['[::1]', 'the repository is missing'],
    ['q.io/', 'the repository is missing'],
    ['q.io/app:', 'the tag is missing'],
    ['q.io/app@latest', 'sha256:'],
    [`q.io/${P255}c`, '255'],
  ])('%j: says %j', (text, hint) => {
    expect(refusal(() => parseReference(text)).message).toContain(hint);
  });

  test.each([
    'user:canary@registry.example.com/app',
    'https://user:canary@registry.example.com/app:1',
    'user:can@ary@registry.example.com:5000/app',
    'user:ca:nary@registry.example.com:5000/app',
    'user:ca/nary@registry.example.com/app',
    `user:canary@registry.example.com/app@${SHA256}`,
  ])('does not repeat the password in %s', (text) => {
    expect(refusal(() => parseReference(text)).message).not.toMatch(/can|ary/);
  });

  test.each([
    ['localhost:5000/app:3.20@', 'a digest'],
    ['localhost:5000/app:3.20@latest', 'a digest'],
    ['registry.example.com:5000/team/app@7e7219d4738c', 'a digest'],
    ['docker://registry.example.com/app:1@7e72', 'a digest'],
    ['app@7e7219d4738c', 'a digest'],
    ['app:3.20@7e7219d4738c', 'a digest'],
    ['localhost:5000/app:1@sha256-7e72', 'a digest'],
    ['localhost:72010/a:1', 'a port is at most 65535'],
    ['localhost:720100/a:1', 'a port is at most 65535'],
  ])('shows %s, in which nobody can be logging in, as it is', (text, why) => {
    const { message } = refusal(() => parseReference(text));
    expect(message).toContain(`"${text}"`);
    expect(message).toContain(why);
  });

  test.each([
    'ann:canary@',
    'ann:canary@host',
    'ann:canary@latest',
    'ann:canary@sha1.example.com/app',
    'ann:12/canary@host',
    'registry.example.com/ann:canary@registry.example.com/app',
    'localhost:5000/ann:canary@localhost',
    'ann:can@ary@7e7219d4738c',
  ])('hides what may be a password: %s', (text) => {
    expect(withoutUser(text)).not.toMatch(/can|ary/);
  });

  test('says that a login does not belong in it', () => {
    const error = refusal(() => parseReference('ann:canary@127.0.0.1:5000/app:1'));
    expect(error.message).toContain('does not belong in it');
    expect(error.message).not.toContain('canary');
  });

  test('does not pass terminal escapes on', () => {
    expect(refusal(() => parseReference('\u001b[31mred\u202e')).message).not.toMatch(/[\u001b\u202e]/);
  });

  test('reads back what formatReference writes', () => {
    fc.assert(
      fc.property(referenceText, (text) => {
        const reference = parseReference(text);
        expect(parseReference(formatReference(reference))).toEqual(reference);
      }),
    );
  });

  test('keeps domain, path, tag and digest of what names a registry', () => {
    fc.assert(
      fc.property(domainText, pathText, tagText, digestText, (domain, path, tag, digest) => {
        fc.pre(!domain.includes('docker.io'));
        expect(parseReference(`${domain}/${path}:${tag}@${digest}`)).toEqual({
          registry: domain,
          repository: path,
          tag,
          digest,
        });
      }),
    );
  });

  test('never throws an untyped error', () => {
    const nearly = fc.tuple(referenceText, anyText, fc.nat()).map(([text, noise, at]) => {
      const split = at % (text.length + 1);
      return text.slice(0, split) + noise.slice(0, 3) + text.slice(split);
    });
    fc.assert(
      fc.property(fc.oneof(anyText, nearly), (text) => {
        expect(['ok', 'E_REFERENCE', 'E_ALGORITHM']).toContain(outcome(() => parseReference(text)));
      }),
      { numRuns: 500 },
    );
  });

  test('is quick to refuse text made to keep a pattern busy', () => {
    const started = performance.now();
    for (const text of [
      `${'a-'.repeat(490)}!`,
      `${'a.'.repeat(490)}!/x`,
      '-'.repeat(990),
      `a${'-'.repeat(900)}/x`,
    ]) {
      outcome(() => parseReference(text));
    }
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('parseTag', () => {
  test('takes tags and refuses the rest', () => {
    for (const tag of ['latest', '20230930.161912z', '_x', 'A-1', 'v1.2.3_rc'])
      expect(parseTag(tag)).toBe(tag);
    for (const text of ['', '.x', '-x', 'a:b', 'a b', 'a/b', 'a\n', 'x'.repeat(129), '\u212a']) {
      expect(outcome(() => parseTag(text))).toBe('E_REFERENCE');
      expect(isTag(text)).toBe(false);
    }
  });
});

describe('parseRepository', () => {
  test('takes a name without tag and digest', () => {
    expect(parseRepository('q.io/a/b')).toEqual({ registry: 'q.io', repository: 'a/b' });
    expect(parseRepository('ubuntu')).toEqual({ registry: 'docker.io', repository: 'library/ubuntu' });
  });

  test.each([
    ['q.io/a:1', 'leave out the tag'],
    [`q.io/a@${SHA256}`, 'leave out the digest'],
    ['localhost:5000', 'the repository is missing'],
    ['q.io:5000', 'the repository is missing'],
  ])('refuses %s: %s', (text, hint) => {
    const error = refusal(() => parseRepository(text));
    expect([error.code, error.message]).toEqual(['E_REFERENCE', expect.stringContaining(hint)]);
  });
});

describe('sameRegistry', () => {
  test.each([
    ['q.io', 'Q.IO', true],
    ['q.io', 'q.io:443', true],
    ['[::1]', '[::1]:443', true],
    ['docker.io', 'registry-1.docker.io', true],
    ['index.docker.io', 'docker.io', true],
    ['Docker.IO:443', 'docker.io', true],
    ['[::1]:5000', '[0:0:0:0:0:0:0:1]:5000', true],
    ['[2001:DB8::1]', '[2001:db8:0::0001]:443', true],
    ['127.0.0.1:5000', '127.1:05000', true],
    ['q.io', 'q.io:5000', false],
    ['[::1]:5000', '[::2]:5000', false],
    ['127.0.0.1:5000', 'localhost:5000', false],
    ['q.io:1443', 'q.io', false],
    ['[::443]', '[:', false],
    ['q.io', 'p.io', false],
  ])('%s and %s: %s', (a, b, same) => {
    expect(sameRegistry(a, b)).toBe(same);
    expect(sameRegistry(b, a)).toBe(same);
  });
});
