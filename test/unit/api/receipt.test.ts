import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { createReceipt, isRecordable, type HeldGuards } from '../../../src/api/receipt.js';
import { formatReceipt, parseReceipt } from '../../../src/api/receipt-file.js';
import { emptyTargetReport, type CopyReport, type TargetReport } from '../../../src/copy/report.js';
import { RegferryError } from '../../../src/errors.js';
import { version } from '../../../src/version.js';
import { schemaErrors } from '../../support/json-schema.js';

const digest = `sha256:${'1'.repeat(64)}`;
const old = `sha256:${'2'.repeat(64)}`;
const sha512 = `sha512:${'3'.repeat(128)}`;
const schema: unknown = JSON.parse(
  readFileSync(new URL('../../../docs/receipt.schema.json', import.meta.url), 'utf8'),
);

function target(name: string, change: Partial<TargetReport> = {}): TargetReport {
  const base = emptyTargetReport(`r.example/app:${name}`);
  return { ...base, digest, changed: true, previous: old, verified: 'bytes', ...change };
}

function report(targets: TargetReport[], change: Partial<CopyReport> = {}): CopyReport {
  return {
    ok: targets.every(({ error }) => error === undefined),
    source: { reference: 'r.example/app:build-1', digest, mediaType: 'application/x', size: 9 },
    targets,
    requests: { source: 1, target: 4 },
    retries: 2,
    durationMs: 1500,
    ...change,
  };
}

const failure = new RegferryError('E_TAG_MOVED', 'someone else moved it', { side: 'target' });
const failed = target('late', { changed: false, error: failure });
Reflect.deleteProperty(failed, 'verified');

describe('a receipt', () => {
  it('is an in-toto statement about every tag and its digest', () => {
    const finishedAt = new Date('2026-01-02T03:04:05.678Z');
    const receipt = createReceipt(report([target('prod'), target('new', { previous: null })]), {
      finishedAt,
    });
    expect(receipt).toMatchObject({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [
        { name: 'r.example/app:prod', digest: { sha256: '1'.repeat(64) } },
        { name: 'r.example/app:new', digest: { sha256: '1'.repeat(64) } },
      ],
      predicateType: 'urn:regferry:promotion:v1',
      predicate: {
        tool: { name: 'regferry', version },
        startedAt: '2026-01-02T03:04:04.178Z',
        finishedAt: '2026-01-02T03:04:05.678Z',
        complete: true,
        source: { reference: 'r.example/app:build-1', digest },
        tags: [
          { reference: 'r.example/app:prod', previous: old, readBack: { digest, by: 'bytes' } },
          { reference: 'r.example/app:new', previous: null },
        ],
      },
    });
  });

  it('tells the guards that held, and none that was not asked for', () => {
    const guards: HeldGuards = { expect: digest, ifTarget: undefined, noClobber: false };
    expect(createReceipt(report([target('prod')]), { guards }).predicate.guards).toEqual({ expect: digest });
  });

  it.each<{ what: string; made: CopyReport; guards?: HeldGuards }>([
    { what: 'all guards', made: report([target('prod')]), guards: allGuards() },
    {
      what: 'a tag that was there already',
      made: report([target('prod', { changed: false, verified: 'header' })]),
    },
    { what: 'an absent tag', made: report([target('prod', { previous: null })]) },
    { what: 'a tag that could not be seen before', made: report([unseen()]) },
    { what: 'some tags that failed', made: report([target('prod'), failed]) },
    { what: 'sha512', made: report([target('prod', { digest: sha512 })]) },
    { what: 'several sources', made: report([target('prod')], { source: { reference: 'a, b' } }) },
    { what: 'an undo', made: report([target('prod')]), guards: { unmovedSince: 'receipt' } },
  ])('fits its schema: $what', ({ made, guards }) => {
    const receipt = createReceipt(made, { guards });
    expect(schemaErrors(schema, JSON.parse(formatReceipt(receipt)))).toEqual([]);
  });

  it('names what failed among what did not, and is not about it', () => {
    const { subject, predicate } = createReceipt(report([target('prod'), failed]));
    expect(subject.map(({ name }) => name)).toEqual(['r.example/app:prod']);
    expect(predicate.complete).toBe(false);
    expect(predicate.tags[1]).toMatchObject({ changed: false, error: { code: 'E_TAG_MOVED' } });
  });

  it('is not made of a run that set nothing', () => {
    const untouched = target('prod', { changed: false, verified: 'header' });
    for (const made of [report([failed]), report([untouched, failed])]) {
      expect(isRecordable(made)).toBe(false);
      expect(() => createReceipt(made)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
    }
  });
});

describe('a receipt file', () => {
  const text = formatReceipt(createReceipt(report([target('prod'), target('new', { previous: null })])));

  it('is read back', () => {
    expect(parseReceipt(text).predicate.tags).toEqual([
      { reference: 'r.example/app:prod', digest, previous: old, changed: true },
      { reference: 'r.example/app:new', digest, previous: null, changed: true },
    ]);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'subject: prod'],
    ['no object', '[]'],
    ['another statement', text.replace('Statement/v1', 'Statement/v0.1')],
    ['another predicate', text.replace('promotion:v1', 'promotion:v2')],
    ['no tags', text.replace('"tags"', '"other"')],
    [
      'a tag that is no reference',
      text.replace('r.example/app:prod",\n        "digest": "', '-",\n        "digest": "'),
    ],
    ['a digest that is none', text.replace(`"previous": "${old}"`, '"previous": "latest"')],
    ['half a file', text.slice(0, text.length / 2)],
  ])('that is not one is refused in one line: %s', (_, broken) => {
    expect(broken).not.toBe(text);
    expect(() => parseReceipt(broken)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
    expect(() => parseReceipt(broken)).toThrow(/^this receipt cannot be undone: .+$/);
  });
});

function allGuards(): HeldGuards {
  return { expect: digest, ifTarget: 'absent', noClobber: true, requirePlatforms: ['linux/amd64'] };
}

function unseen(): TargetReport {
  const one = target('prod');
  Reflect.deleteProperty(one, 'previous');
  return one;
}
