import { describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/spec/digest.js';
import { copyAtOnce, failureOf, noWaits, type RunOptions } from '../../support/copy-run.js';
import { layered, rule, type Fault, type Rule, type RuleMatch } from '../../support/faults.js';
import { answer, before, hang, registryError, rewrite } from '../../support/faults/answers.js';
import {
  corruptRequest,
  corruptResponse,
  truncateResponse,
  wrongLength,
} from '../../support/faults/bodies.js';
import { cutRequest, cutResponse, dropReply, stallResponse } from '../../support/faults/cuts.js';
import { lieAboutDigest, omitHeaders, setHeaders, unframed } from '../../support/faults/headers.js';
import { delay } from '../../support/faults/pace.js';
import { tokens } from '../../support/faults/tokens.js';
import { blob, imageManifest, indexOf, seed } from '../../support/fixtures.js';
import { startRegistry } from '../../support/registry.js';
import { expectSame } from '../../support/same-image.js';

// One fault a row, and what has to come of it. Where tries are what saves the copy, the row is run without them as well,
// and has to fail: so the fault is known to bite.

const old = imageManifest({ layers: [blob(100, 1)] });
const layer = blob(300_000, 2);
const child = imageManifest({ layers: [layer] });
const image = indexOf([{ image: child }]);
const layerDigest = digestOf(layer);
const childDigest = child.root.descriptor.digest;

interface Row {
  readonly name: string;
  readonly side: 'source' | 'target';
  /** The first is the fault itself; it has to have befallen something. */
  readonly rules: () => readonly [Rule, ...Rule[]];
  readonly options: RunOptions;
  /** Milliseconds that have to be waited for at one time. */
  readonly waits?: number;
  /** Without further tries the copy fails. */
  readonly triesSaveIt: boolean;
  /** The code of the refusal, where the copy must not come through. */
  readonly refused?: string;
  /** Whether the target's tag is still the old one after a refusal. */
  readonly untouched: boolean;
}

interface More extends Partial<Omit<Row, 'name' | 'side'>> {
  /** How often it happens: once, so many times, or always. @default 1 */
  readonly times?: number | 'always';
}

type Given = readonly [name: string, fault: Fault, more?: More];

/** `behind` is what the registry does besides, whatever else befalls it. */
function rows(
  side: Row['side'],
  what: string,
  match: RuleMatch,
  given: readonly Given[],
  behind?: () => Rule,
): Row[] {
  return given.map(([name, fault, more = {}]) => {
    const { times = 1, ...rest } = more;
    const counted = times === 'always' ? match : { ...match, nth: 1, times };
    return {
      name: `${what} ${name}`,
      side,
      rules: () => [rule(counted, fault), ...(behind === undefined ? [] : [behind()])],
      options: {},
      triesSaveIt: rest.refused === undefined,
      untouched: true,
      ...rest,
    };
  });
}

const impatient: RunOptions = { idleTimeoutMs: 150, answerTimeoutMs: 150 };
const inChunks: RunOptions = { chunkSize: 100_000 };

function page(status: number): Fault {
  return answer(status, { headers: { 'content-type': 'text/html' }, body: '<title>Bad gateway</title>' });
}

/** What can befall any request, and passes. */
const passing: readonly Given[] = [
  ['is answered 503', answer(503)],
  ['is answered 503 three times', answer(503), { times: 3 }],
  ['is answered 500', registryError(500, 'UNKNOWN')],
  ['is answered 502 with a page', page(502)],
  ['is answered 504', answer(504)],
  ['is answered 408', answer(408)],
  ['is answered 429 four times', registryError(429, 'TOOMANYREQUESTS'), { times: 4 }],
  ['is answered 429 with 8 s', answer(429, { headers: { 'retry-after': '8' } }), { waits: 8_000 }],
  ['is cut by FIN before its answer', cutRequest({ after: 0, by: 'fin' })],
  ['is cut by RST before its answer', cutRequest({ after: 0, by: 'rst' })],
  ['is done, and its answer lost', dropReply()],
  ['is never answered', hang(), { options: impatient }],
];

/** What can befall an answer with a body of `length` bytes, and passes. */
function broken(length: number, ofBlob = false): readonly Given[] {
  const middle = Math.floor(length / 2);
  const withoutLength: Fault = (next) =>
    omitHeaders('content-length')(cutResponse({ after: middle, by: 'fin' })(next));
  return [
    ['is cut by FIN after the headers', cutResponse({ after: 0, by: 'fin' })],
    ['is cut by FIN in the middle', cutResponse({ after: middle, by: 'fin' })],
    ['is cut by RST in the middle', cutResponse({ after: middle, by: 'rst' })],
    ['is cut before the last byte', cutResponse({ after: length - 1, by: 'fin' })],
    ['is cut in the middle without Content-Length', withoutLength],
    [
      'is cut where nothing but the close tells its end',
      layered([unframed(), cutResponse({ after: middle, by: 'fin' })]),
      { triesSaveIt: false },
    ],
    ['stalls in the middle', stallResponse({ after: middle }), { options: impatient }],
    ['announces more than it has', wrongLength((bytes) => bytes + 5), { triesSaveIt: !ofBlob }],
    ['announces less than it has', wrongLength((bytes) => bytes - 5), { triesSaveIt: false }],
    ['has a wrong byte', corruptResponse({ at: middle }), { triesSaveIt: false }],
    ['is short, with a length that fits', truncateResponse({ to: middle }), { triesSaveIt: false }],
  ];
}

const ofSource: Row[] = [
  ...rows('source', 'the manifest', { method: 'GET', path: /\/manifests\/v1$/ }, [
    ...passing,
    ...broken(image.root.bytes.length),
    ['is asked to wait until a date', answer(429, { headers: dateIn(4_000) }), { waits: 4_000 }],
    ['comes without its digest', omitHeaders('docker-content-digest'), { triesSaveIt: false }],
    [
      'comes with a charset in its type',
      setHeaders({ 'content-type': `${image.root.descriptor.mediaType}; charset=utf-8` }),
      { triesSaveIt: false },
    ],
    ['is wrong each time', corruptResponse({ at: 9 }), { times: 'always', refused: 'E_DIGEST_MISMATCH' }],
    [
      'has the digest of something else',
      lieAboutDigest(layerDigest),
      { times: 'always', refused: 'E_DIGEST_MISMATCH' },
    ],
    ['is not there', registryError(404, 'MANIFEST_UNKNOWN'), { times: 'always', refused: 'E_NOT_FOUND' }],
    ['asks for an hour', answer(429, { headers: { 'retry-after': '3600' } }), { refused: 'E_RATE_LIMITED' }],
  ]),
  ...rows(
    'source',
    'the manifest of a platform',
    { method: 'GET', path: new RegExp(`/manifests/${childDigest}`) },
    [
      ...passing,
      ...broken(child.root.bytes.length),
      ['is wrong each time', corruptResponse({ at: 9 }), { times: 'always', refused: 'E_DIGEST_MISMATCH' }],
      [
        'is another one',
        rewrite((given) => ({ ...given, body: old.root.bytes })),
        { times: 'always', refused: 'E_SIZE_MISMATCH' },
      ],
      ['is not there', registryError(404, 'MANIFEST_UNKNOWN'), { times: 'always', refused: 'E_NOT_FOUND' }],
    ],
  ),
  ...rows('source', 'a blob', { method: 'GET', path: new RegExp(`/blobs/${layerDigest}`) }, [
    ...passing,
    ...broken(layer.length, true),
    ['is wrong twice', corruptResponse({ at: layer.length - 1 }), { times: 2, triesSaveIt: false }],
    ['is wrong each time', corruptResponse({ at: 0 }), { times: 'always', refused: 'E_DIGEST_MISMATCH' }],
    [
      'is wrong in its last byte each time',
      corruptResponse({ at: layer.length - 1 }),
      { times: 'always', refused: 'E_DIGEST_MISMATCH' },
    ],
    ['is short each time', truncateResponse({ to: 9 }), { times: 'always', refused: 'E_SIZE_MISMATCH' }],
    ['is slow to come', delay(100), { triesSaveIt: false }],
    ['is not there', registryError(404, 'BLOB_UNKNOWN'), { times: 'always', refused: 'E_NOT_FOUND' }],
  ]),
];

/** Of this length the token is in the middle of the answer, whatever it is for. */
const tokenLength = 64;
const wantsTokens = (): Rule => rule({}, tokens({ fields: ['token'], length: tokenLength }));
const brokenToken = broken(tokenLength).filter(([name]) => name !== 'has a wrong byte');
const unknown: Fault = before((request) => {
  delete request.headers.authorization;
});

/** What has to be known to be let in, and that it may be forgotten. */
const ofAccess: Row[] = (['source', 'target'] as const).flatMap((side) => {
  // The first thing asked of a target is the tag, and without an answer to that a copy goes on.
  const outcome: More = side === 'source' ? { refused: 'E_UNAUTHORIZED' } : { triesSaveIt: false };
  const blobs: RuleMatch = side === 'source' ? { method: 'GET', path: /\/blobs\// } : { method: 'POST' };
  return [
    ...rows(
      side,
      'the token',
      { path: /^\/token/ },
      [...passing, ...brokenToken, ['is wrong', corruptResponse({ at: tokenLength / 2 }), outcome]],
      wantsTokens,
    ),
    ...rows(
      side,
      'a token',
      { ...blobs, when: hasToken },
      [
        ['is not known to one request', unknown, { triesSaveIt: false }],
        ['is not known to the fourth request', unknown, { triesSaveIt: false, rules: forgetful }],
        ['is revoked at the fourth request', unknown, { triesSaveIt: false, rules: revoking }],
      ],
      wantsTokens,
    ),
  ];
});

const lie: Fault = () => (request, response) => {
  request.resume();
  response.writeHead(200, { 'content-length': layer.length }).end();
};
const unlessEmpty =
  (fault: Fault): Fault =>
  (next) =>
  (request, response) => {
    (request.headers['content-length'] === '0' ? next : fault(next))(request, response);
  };
const taken: Fault = (next) => answer(201)(next);

const ofTarget: Row[] = [
  ...rows('target', 'the question for the tag', { method: 'HEAD', path: /\/manifests\/prod$/ }, [
    ...passing,
    ['is forbidden', registryError(403, 'DENIED'), { times: 'always', triesSaveIt: false }],
    ['is not allowed with HEAD', answer(405), { times: 'always', triesSaveIt: false }],
    [
      'is answered without a digest',
      omitHeaders('docker-content-digest'),
      { times: 'always', triesSaveIt: false },
    ],
  ]),
  ...rows(
    'target',
    'the question for a platform',
    { method: 'HEAD', path: new RegExp(`/manifests/${childDigest}`) },
    [...passing, ['is forbidden', registryError(403, 'DENIED'), { times: 'always', triesSaveIt: false }]],
  ),
  ...rows(
    'target',
    'the question for a blob',
    { method: 'HEAD', path: new RegExp(`/blobs/${layerDigest}`) },
    [
      ...passing,
      ['is forbidden', registryError(403, 'DENIED'), { times: 'always', triesSaveIt: false }],
      ['is not allowed', answer(405), { times: 'always', triesSaveIt: false }],
      ['is answered with a lie', lie, { times: 'always', triesSaveIt: false }],
      [
        'is answered with another length',
        answer(200, { body: 'x' }),
        { times: 'always', triesSaveIt: false },
      ],
    ],
  ),
  ...rows('target', 'opening an upload', { method: 'POST', path: /\/uploads\/$/ }, passing),
  ...rows('target', 'an upload', { method: 'PUT', path: new RegExp(`digest=${layerDigest}`) }, [
    ...passing.filter(([name]) => !name.includes('lost')),
    ['is done, and its answer lost', dropReply(), { triesSaveIt: false }],
    ['is cut by FIN in the middle', cutRequest({ after: layer.length / 2, by: 'fin' })],
    ['is cut by RST in the middle', cutRequest({ after: layer.length / 2, by: 'rst' })],
    ['is cut before its last byte', cutRequest({ after: layer.length - 1, by: 'rst' })],
    ['arrives with a wrong byte', corruptRequest({ at: 7 }), { triesSaveIt: false }],
    ['has lost its session', registryError(404, 'BLOB_UPLOAD_UNKNOWN')],
    ['has lost its session, by another name', registryError(400, 'BLOB_UPLOAD_INVALID')],
    ['is not allowed with its body', unlessEmpty(answer(405)), { times: 'always', triesSaveIt: false }],
    ['is said to be done, and is not', taken, { triesSaveIt: false }],
    ['may take an hour', answer(429, { headers: { 'retry-after': '3600' } }), { refused: 'E_RATE_LIMITED' }],
  ]),
  ...rows('target', 'a chunk', { method: 'PATCH' }, [
    ...passing.map(([name, fault, more]): Given => [
      name,
      fault,
      { ...more, options: { ...more?.options, ...inChunks } },
    ]),
    ['is cut in the middle', cutRequest({ after: 50_000, by: 'rst' }), { options: inChunks }],
    ['has lost its session', registryError(404, 'BLOB_UPLOAD_UNKNOWN'), { options: inChunks }],
    ['is out of place', registryError(416, 'RANGE_INVALID'), { options: inChunks }],
    [
      'is answered 201',
      rewrite((given) => ({ ...given, status: 201 })),
      { options: inChunks, times: 'always', triesSaveIt: false },
    ],
    [
      'is answered 204',
      rewrite((given) => ({ ...given, status: 204 })),
      { options: inChunks, times: 'always', triesSaveIt: false },
    ],
    [
      'moves no Range',
      setHeaders({ range: '0-0' }),
      { options: inChunks, times: 'always', triesSaveIt: false },
    ],
  ]),
  ...rows('target', 'writing a platform', { method: 'PUT', path: new RegExp(`/manifests/${childDigest}`) }, [
    ...passing,
    ['misses a blob', registryError(400, 'MANIFEST_BLOB_UNKNOWN'), { triesSaveIt: false }],
    ['arrives with a wrong byte', corruptRequest({ at: digitIn(child) }), { triesSaveIt: false }],
  ]),
  ...rows('target', 'writing the tag', { method: 'PUT', path: /\/manifests\/prod$/ }, [
    ...passing,
    ['misses a blob', registryError(400, 'MANIFEST_BLOB_UNKNOWN'), { triesSaveIt: false }],
    ['arrives with a wrong byte', corruptRequest({ at: digitIn(image) }), { triesSaveIt: false }],
    ['misses a platform', registryError(404, 'MANIFEST_UNKNOWN'), { triesSaveIt: false }],
    [
      'misses a blob each time',
      registryError(400, 'MANIFEST_BLOB_UNKNOWN'),
      { times: 'always', refused: 'E_REFUSED' },
    ],
    ['is forbidden', registryError(403, 'DENIED'), { times: 'always', refused: 'E_DENIED' }],
    ['is answered with a page', page(200), { times: 'always', refused: 'E_NOT_A_REGISTRY', rules: webPages }],
    ['ends as another digest', lieAboutDigest(layerDigest), { triesSaveIt: false }],
    [
      'ends as another digest each time',
      lieAboutDigest(layerDigest),
      { times: 'always', refused: 'E_READ_BACK', untouched: false },
    ],
    ['may take an hour', answer(429, { headers: { 'retry-after': '3600' } }), { refused: 'E_RATE_LIMITED' }],
  ]),
  ...rows('target', 'the read-back', { method: 'GET', path: /\/manifests\/prod$/ }, [
    ...passing,
    ...broken(image.root.bytes.length),
    [
      'finds nothing for a while',
      registryError(404, 'MANIFEST_UNKNOWN'),
      { times: 3, triesSaveIt: false, waits: 1_000 },
    ],
    ['finds the old image for a while', rewrite(asOld), { times: 3, triesSaveIt: false, waits: 1_000 }],
    [
      'finds the old image for ever',
      rewrite(asOld),
      { times: 'always', refused: 'E_READ_BACK', untouched: false },
    ],
    [
      'finds wrong bytes',
      corruptResponse({ at: 5 }),
      { times: 'always', refused: 'E_READ_BACK', untouched: false },
    ],
    ['finds another image', rewrite(asOther), { times: 'always', refused: 'E_TAG_MOVED', untouched: false }],
  ]),
];

function hasToken({
  headers,
}: {
  readonly headers: { readonly authorization?: string | undefined };
}): boolean {
  return headers.authorization !== undefined;
}

/** One request in full flow is not believed, and the token service gives the same token again. */
function forgetful(): readonly [Rule, Rule] {
  return [rule({ nth: 4, when: hasToken }, unknown), wantsTokens()];
}

/** From a request in full flow on, its token is not taken from anybody any more. */
function revoking(): readonly [Rule, Rule, Rule] {
  const revoked = new Set<string | undefined>();
  return [
    rule(
      { nth: 4, when: hasToken },
      before(({ headers }) => {
        revoked.add(headers.authorization);
      }),
    ),
    rule({ when: ({ headers }) => revoked.has(headers.authorization) }, unknown),
    rule({}, tokens({ numbered: true })),
  ];
}

/** Where a byte can change so that the manifest is still one. */
function digitIn({ root }: typeof old): number {
  return root.bytes.indexOf('"size":') + '"size":'.length;
}

function dateIn(milliseconds: number): Record<string, string> {
  const now = Date.UTC(2030, 0, 1);
  return { date: new Date(now).toUTCString(), 'retry-after': new Date(now + milliseconds).toUTCString() };
}

/** A web application that answers every GET and the PUT of the tag. */
function webPages(): readonly [Rule, Rule] {
  return [
    rule({ method: 'PUT', path: /\/manifests\/prod$/ }, page(200)),
    rule({ method: 'GET', path: /\/v2\/$/ }, page(200)),
  ];
}

function asOld<Given extends { headers: object }>(given: Given) {
  return { ...given, ...manifestAnswer(old) };
}
function asOther<Given extends { headers: object }>(given: Given) {
  return { ...given, ...manifestAnswer(imageManifest({ layers: [blob(11, 12)] })) };
}
function manifestAnswer({ root }: typeof old) {
  const headers = {
    'content-type': root.descriptor.mediaType,
    'docker-content-digest': root.descriptor.digest,
    'content-length': root.bytes.length,
  };
  return { status: 200, headers, body: root.bytes };
}

/** Two registries, the one with the new image, the other with the old one under the tag, in two repositories. */
async function pair(row: Row, given: readonly Rule[]) {
  const [source, target] = await Promise.all([
    startRegistry({ rules: row.side === 'source' ? given : [] }),
    startRegistry({ rules: row.side === 'target' ? given : [] }),
  ]);
  await seed(source.store('app'), image, 'v1');
  await seed(target.store('app'), old, 'prod');
  await seed(target.store('other'), old, 'prod');
  const waits = noWaits();
  return {
    store: target.store('app'),
    waits,
    run: (repository: string, options: RunOptions = {}) => {
      const all = { ...row.options, ...options };
      return copyAtOnce(`${source.host}/app:v1`, `${target.host}/${repository}:prod`, all, waits);
    },
    close: () => Promise.all([source.close(), target.close()]),
  };
}

type Pair = Awaited<ReturnType<typeof pair>>;

async function expectRefusal(row: Row, { run, store }: Pair): Promise<void> {
  const error = await failureOf(run('app'));
  expect(error.code).toBe(row.refused);
  expect(error.message).not.toContain('\n');
  if (row.untouched) expect(store.tagged('prod')).toBe(old.root.descriptor.digest);
}

async function expectCopy(row: Row, { run, store, waits }: Pair, fault: Rule): Promise<void> {
  if (row.triesSaveIt) {
    await failureOf(run('other', { retries: 0 }));
    fault.seen = 0;
    fault.hits = 0;
  }
  const report = await run('app');
  expect(fault.hits).toBeGreaterThan(0);
  expect(report.targets[0]?.verified).toBe('bytes');
  await expectSame(store, image, 'prod');
  if (row.waits !== undefined) expect(Math.max(...waits.slept)).toBeGreaterThan(row.waits - 500);
}

describe.each([
  ['source', ofSource],
  ['target', ofTarget],
  ['token service', ofAccess],
] as const)('at the %s', (_side, given) => {
  it.concurrent.each(given.map((row) => [row.name, row] as const))('%s', async (_name, row) => {
    const all = row.rules();
    const registries = await pair(row, all);
    try {
      if (row.refused === undefined) await expectCopy(row, registries, all[0]);
      else await expectRefusal(row, registries);
    } finally {
      await registries.close();
    }
  });
});
