import { describe, expect, it } from 'vitest';

import { formatPlan, parsePlan } from '../../../src/api/plan-file.js';
import { parseReceipt } from '../../../src/api/receipt-file.js';
import type { CopyPlan, TargetPlan } from '../../../src/copy/report.js';
import { RegferryError } from '../../../src/errors.js';

const digest = `sha256:${'1'.repeat(64)}`;
const old = `sha256:${'2'.repeat(64)}`;

function target(change: Partial<TargetPlan> = {}): TargetPlan {
  return {
    reference: 'r.example/app:prod',
    digest,
    changed: true,
    previous: old,
    blobs: { copy: 1, mount: 0, skip: 0, foreign: 0 },
    manifests: { copy: 1, skip: 0 },
    bytes: { copy: 10, mount: 0, skip: 0 },
    ...change,
  };
}

function plan(targets: TargetPlan[], change: Partial<CopyPlan> = {}): CopyPlan {
  return {
    ok: true,
    source: { reference: 'r.example/app:build-1', digest },
    targets,
    requests: { source: 1, target: 1 },
    retries: 0,
    durationMs: 5,
    allOrNothing: true,
    ...change,
  };
}

const text = formatPlan(plan([target()]), new Date(0));

describe('a plan file', () => {
  it('is read back as what a plan is bound to', () => {
    const two = plan([target(), target({ reference: 'oci:folder:new', previous: null })], {
      platform: 'linux/arm64',
      includeForeign: true,
    });
    expect(parsePlan(formatPlan(two))).toEqual({
      source: { reference: 'r.example/app:build-1', digest },
      targets: [
        { reference: 'r.example/app:prod', previous: old },
        { reference: 'oci:folder:new', previous: null },
      ],
      platform: 'linux/arm64',
      includeForeign: true,
      allOrNothing: true,
    });
  });

  it('says when it was made, and by what', () => {
    expect(JSON.parse(text)).toMatchObject({
      regferryPlan: 1,
      createdAt: '1970-01-01T00:00:00.000Z',
      targets: [{ blobs: { copy: 1 } }],
    });
  });

  it.each<[string, CopyPlan]>([
    ['no target', plan([])],
    ['a target that failed', plan([target({ error: new RegferryError('E_DENIED', 'no') })])],
    ['a source that was not read', plan([target()], { source: { reference: 'r.example/app:build-1' } })],
  ])('is not made of a plan with %s', (_, incomplete) => {
    expect(() => formatPlan(incomplete)).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });

  it('is not made of a plan for a tag that could not be seen', () => {
    expect(() => formatPlan(plan([unseen()]))).toThrow(expect.objectContaining({ code: 'E_DENIED' }));
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'plan: 1'],
    ['no object', '"plan"'],
    ['another document', '{"ok":true}'],
    ['another version', text.replace('"regferryPlan": 1', '"regferryPlan": 2')],
    ['no source', text.replace('"source"', '"origin"')],
    ['a source that is no image', text.replace('app:build-1', 'App')],
    ['a digest that is none', text.replace(digest, 'latest')],
    ['no targets', text.replace('"targets"', '"other"')],
    ['a target that is no image', text.replace('app:prod', 'App')],
    ['nothing about what a tag was', text.replace('"previous"', '"other"')],
    ['a flag that is none', text.replace('"allOrNothing": true', '"allOrNothing": "no"')],
    ['half a file', text.slice(0, text.length / 2)],
  ])('that is not one is refused in one line: %s', (_, broken) => {
    expect(broken).not.toBe(text);
    expect(() => parsePlan(broken)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
    expect(() => parsePlan(broken)).toThrow(/^this plan cannot be applied: .+$/);
  });
});

describe('a name in a plan file', () => {
  it.each(['../../victim', 'app:x#y', 'app:x?tag=latest', 'app:..%2f'])(
    'is told where it is none: %s',
    (name) => {
      const broken = text.replace('app:prod', name);
      expect(() => parsePlan(broken)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
      expect(() => parsePlan(broken)).toThrow(name);
      expect(() => parsePlan(text.replace(digest, name))).toThrow(`"${name}" is not a digest`);
    },
  );
});

it('says of a receipt that it is one', () => {
  const receipt = '{"_type":"https://in-toto.io/Statement/v1","predicateType":"x"}';
  expect(() => parsePlan(receipt)).toThrow(/this is a receipt/);
  expect(() => parsePlan(receipt)).toThrow(expect.objectContaining({ hint: { code: 'undo-receipt' } }));
  expect(() => parseReceipt(text)).toThrow(/this is a plan/);
  expect(() => parseReceipt(text)).toThrow(expect.objectContaining({ hint: { code: 'apply-plan' } }));
});

function unseen(): TargetPlan {
  const one = target();
  Reflect.deleteProperty(one, 'previous');
  return one;
}
