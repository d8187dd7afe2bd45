import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { chooseChallenge, parseChallenges, usableChallenges } from '../../src/auth/challenge.js';
import { CHALLENGES } from '../../src/auth/limits.js';
import { resolveRealm } from '../../src/auth/realm.js';
import { formatScopes, parseScopes } from '../../src/auth/scope.js';
import { parseToken } from '../../src/auth/token.js';
import { nodeOf } from '../../src/graph/manifest-reader.js';
import { isRegferryError } from '../../src/errors.js';
import { parseErrorBody } from '../../src/http/error-body.js';
import {
  parseContentRange,
  parseNextLink,
  parseRetryAfter,
  parseUploadRange,
  parseWarnings,
} from '../../src/http/headers.js';
import { redactUrl } from '../../src/http/redact.js';
import { appendQuery, joinLocation, sameOrigin, splitUrl } from '../../src/http/url.js';
import { isDigest, parseDigest } from '../../src/spec/digest.js';
import { detectMediaType } from '../../src/spec/manifest-type.js';
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../src/spec/media-types.js';
import {
  formatPlatform,
  matchesPlatform,
  platformOfConfig,
  selectPlatform,
} from '../../src/spec/platform.js';
import { printable } from '../../src/spec/printable.js';
import { schema1Digest } from '../../src/spec/schema1.js';
import { corpus, fuzzRuns, mutated } from './corpus.js';

// Every parser of what a server sends, on samples of the corpus and on samples with some bytes changed. A parser may give
// something that holds what it promises, or throw one of our errors, in one printable line; nothing else.

const control = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const base = 'https://r.example/v2/app/blobs/uploads/1?_state=a';
const wanted = { os: 'linux', architecture: 'arm64' };

function text(bytes: Buffer): string {
  return bytes.toString('utf8');
}

/** As undici gives header values: one byte a character. */
function lines(bytes: Buffer): string[] {
  return bytes.toString('latin1').split('\n');
}

function expectPrintable(shown: string): void {
  expect(shown).not.toMatch(control);
}

function readManifest(bytes: Buffer): void {
  const detected = ours(() => detectMediaType(bytes, undefined));
  for (const mediaType of [detected, OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, OCI_ARTIFACT]) {
    if (mediaType === undefined) continue;
    ours(() => {
      const { children, blobs } = nodeOf({
        descriptor: { mediaType, digest: sha, size: bytes.length },
        bytes,
      });
      for (const { digest, size, mediaType: type } of [...children, ...blobs]) {
        expect(isDigest(digest)).toBe(true);
        expect(Number.isSafeInteger(size) && size >= 0).toBe(true);
        expectPrintable(type);
      }
      selectPlatform(children, wanted);
    });
  }
  ours(() => schema1Digest(bytes));
}

const sha = parseDigest(`sha256:${'0'.repeat(64)}`);

/** Runs it; only an error of ours, with one printable line, is swallowed. */
function ours<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (!isRegferryError(error) || error.code === 'E_INTERNAL') throw error;
    expectPrintable(error.message);
    return undefined;
  }
}

const parsers: Readonly<Record<string, (bytes: Buffer) => void>> = {
  challenge: (bytes) => {
    const all = parseChallenges(lines(bytes));
    expect(all.length).toBeLessThanOrEqual(CHALLENGES);
    for (const { params } of usableChallenges(all)) {
      for (const scope of formatScopes(parseScopes(params.get('scope') ?? ''))) expectPrintable(scope);
    }
    const realm = chooseChallenge(all)?.params.get('realm');
    const resolved = realm === undefined ? undefined : ours(() => resolveRealm(realm, 'https://r.example'));
    if (resolved !== undefined) expect(resolved.url).toMatch(/^https:\/\/[^/@]+(\/|\?|$)/);
  },
  link: (bytes) => {
    const next = parseNextLink(lines(bytes));
    if (next !== undefined) ours(() => sameOrigin(joinLocation(base, next), base));
  },
  range: (bytes) => {
    const value = lines(bytes)[0];
    expect(parseUploadRange(value) ?? 0).toBeGreaterThanOrEqual(0);
    const range = parseContentRange(value);
    if (range !== undefined) expect(range.end).toBeGreaterThanOrEqual(range.start);
  },
  'retry-after': (bytes) => {
    const headers = { get: () => lines(bytes)[0], all: () => lines(bytes) };
    const wait = parseRetryAfter(headers, Date.UTC(2026, 0));
    if (wait !== undefined) expect(wait).toBeGreaterThanOrEqual(0);
  },
  warning: (bytes) => {
    for (const warning of parseWarnings(lines(bytes))) expectPrintable(printable(warning));
  },
  location: (bytes) => {
    const joined = ours(() => joinLocation(base, bytes.toString('latin1')));
    if (joined === undefined) return;
    expect(splitUrl(joined).origin).toMatch(/^https?:\/\/[^/@\s]+$/);
    expect(joined).not.toMatch(/[\r\n]/);
    expect(appendQuery(joined, 'digest=sha256:0')).toContain('digest=sha256:0');
    expectPrintable(redactUrl(joined));
  },
  'error-body': (bytes) => {
    const { codes, text: said } = parseErrorBody(bytes);
    expectPrintable(said);
    expect(said.length).toBeLessThanOrEqual(501);
    for (const code of codes) expectPrintable(code);
  },
  token: (bytes) => {
    const token = parseToken(bytes);
    if (token === undefined) return;
    expect(token.value.reveal()).toMatch(/^[\x21-\x7e]+$/);
    expect(token.lifeMs).toBeGreaterThan(0);
    expect(token.lifeMs).toBeLessThanOrEqual(86_400_000);
  },
  config: (bytes) => {
    const platform = ours(() => platformOfConfig(bytes));
    if (platform === undefined) return;
    matchesPlatform(wanted, platform);
    expectPrintable(printable(formatPlatform(platform)));
  },
  manifest: readManifest,
  digest: (bytes) => {
    const digest = ours(() => parseDigest(text(bytes)));
    expect(isDigest(text(bytes))).toBe(digest !== undefined);
    if (digest !== undefined) expect(digest).toMatch(/^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/);
  },
};

describe.each(Object.entries(parsers))('the parser of what the corpus has of "%s"', (kind, holds) => {
  const samples = corpus(kind);

  it.each(samples.map(({ name, bytes }) => [name, bytes] as const))(
    'keeps its promises for %s',
    (_name, bytes) => {
      holds(bytes);
    },
  );

  it('keeps its promises for what is nearly that', () => {
    fc.assert(fc.property(mutated(samples), holds), { numRuns: fuzzRuns });
  });

  it('keeps its promises for anything', () => {
    const anything = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(fc.property(anything, holds), { numRuns: fuzzRuns });
  });
});
