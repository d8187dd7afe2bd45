import { describe, expect, it } from 'vitest';

import type { RecordedTag } from '../../../src/api/recorded.js';
import { checkRepeat, digestCheck, repeated } from '../../../src/api/repeat.js';
import { failureOf } from '../../support/copy-run.js';

const [digest, first, other] = ['1', '2', '3'].map((digit) => `sha256:${digit.repeat(64)}`) as [
  string,
  string,
  string,
];
const startedAt = '2026-01-02T03:04:05.678Z';
const reference = 'r.example/app:prod';
const error = { code: 'E_NETWORK', message: 'it failed' };

function tag(change: Partial<RecordedTag>): RecordedTag {
  return { reference, digest, changed: false, ...change };
}

function joined(before: Partial<RecordedTag>, now: Partial<RecordedTag>): unknown {
  return repeated({ predicate: { tags: [tag(before)], startedAt } }, [tag(now)], 'later').tags[0];
}

describe('a tag whose promotion is repeated', () => {
  it.each<{
    what: string;
    before: Partial<RecordedTag>;
    now: Partial<RecordedTag>;
    is: Partial<RecordedTag>;
  }>([
    {
      what: 'moved the first time, is right now',
      before: { previous: first, changed: true },
      now: { previous: digest },
      is: { previous: first, changed: true },
    },
    {
      what: 'was made the first time',
      before: { previous: null, changed: true },
      now: { previous: digest },
      is: { previous: null, changed: true },
    },
    {
      what: 'was moved by someone else in between, and moved again',
      before: { previous: first, changed: true },
      now: { previous: other, changed: true },
      is: { previous: first, changed: true, alsoWas: [other] },
    },
    {
      what: 'failed the first time, moved now',
      before: { previous: first, error },
      now: { previous: first, changed: true },
      is: { previous: first, changed: true },
    },
    {
      what: 'failed the first time, was moved by someone else, moved now',
      before: { previous: first, error },
      now: { previous: other, changed: true },
      is: { previous: other, changed: true, alsoWas: [first] },
    },
    {
      what: 'failed the first time, though its write was done',
      before: { previous: first, unsure: true, error },
      now: { previous: digest },
      is: { previous: first, changed: true },
    },
    {
      what: 'was right the first time, was moved by someone else, moved back now',
      before: { previous: digest },
      now: { previous: other, changed: true },
      is: { previous: other, changed: true },
    },
    {
      what: 'was right each time',
      before: { previous: digest },
      now: { previous: digest },
      is: { previous: digest, changed: false },
    },
    {
      what: 'moved the first time from what nobody could see',
      before: { changed: true },
      now: { previous: digest },
      is: { changed: true },
    },
    {
      what: 'could not be seen and failed the first time, moved now',
      before: { error },
      now: { previous: first, changed: true },
      is: { previous: first, changed: true },
    },
    {
      what: 'moved the first time, fails now',
      before: { previous: first, changed: true },
      now: { previous: digest, error },
      is: { previous: first, changed: true, error },
    },
    {
      what: 'keeps what was seen two runs ago',
      before: { previous: first, changed: true, alsoWas: [other, null] },
      now: { previous: digest },
      is: { previous: first, changed: true, alsoWas: [other, null] },
    },
  ])('$what', ({ before, now, is }) => {
    expect(joined(before, now)).toEqual({ reference, digest, ...is });
  });

  it('counts its runs from the first', () => {
    const record = { predicate: { tags: [tag({})], startedAt } };
    const { repeat } = repeated(record, [tag({})], 'later');
    expect(repeat).toEqual({ firstStartedAt: startedAt, runs: 2 });
    const again = repeated({ predicate: { ...record.predicate, repeat } }, [tag({})], 'later still');
    expect(again.repeat).toEqual({ firstStartedAt: startedAt, runs: 3 });
  });
});

describe('the record of another run', () => {
  const record = { predicate: { tags: [tag({})] } };
  const refusal = async (work: () => void) => failureOf(Promise.resolve().then(work));

  it.each([
    ['a tag more', [{ reference }, { reference: 'r.example/app:v1' }], 'it does not have r.example/app:v1'],
    ['another tag', [{ reference: 'r.example/app:v1' }], 'it does not have r.example/app:v1'],
    ['no tag', [], `it has ${reference}, too`],
    ['another digest', [{ reference, digest: other }], `as ${digest}, and this is ${other}`],
    ['a deletion', [{ reference, digest: null }], `as ${digest}, and this is absent`],
  ])('is refused with what differs: %s', async (_what, wanted, words) => {
    const failure = await refusal(() => checkRepeat(record, wanted));
    expect(failure).toMatchObject({ code: 'E_CONFIG', hint: { code: 'keep-record' } });
    expect(failure.message).toContain(words);
  });

  it('is found out by its digest, too', async () => {
    expect((await refusal(() => digestCheck(record)(other))).code).toBe('E_CONFIG');
    digestCheck(record)(digest);
  });

  it('is the same however references are written', () => {
    checkRepeat({ predicate: { tags: [tag({ reference: 'docker.io/library/app:1' })] } }, [
      { reference: 'app:1' },
    ]);
  });
});
