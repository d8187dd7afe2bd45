import { describe, expect, it } from 'vitest';

import { stepOutputs, stepSummary } from '../../../src/cli/github-step.js';
import { emptyTargetReport, type CopyReport, type TargetReport } from '../../../src/copy/report.js';
import { RegferryError } from '../../../src/errors.js';

const digest = `sha256:${'1'.repeat(64)}`;
const old = `sha256:${'2'.repeat(64)}`;

function target(reference: string, change: Partial<TargetReport> = {}): TargetReport {
  return {
    ...emptyTargetReport(reference),
    digest,
    changed: true,
    previous: old,
    verified: 'bytes',
    ...change,
  };
}

function report(...targets: TargetReport[]): CopyReport {
  return {
    ok: true,
    source: { reference: 'r.example/app:build-1', digest },
    targets,
    requests: { source: 1, target: 4 },
    retries: 0,
    durationMs: 1234,
  };
}

/** Outputs as the runner reads them. */
function read(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  const lines = text.split('\n');
  for (let at = 0; at < lines.length - 1; at++) {
    const [name = '', delimiter = ''] = (lines[at] ?? '').split('<<');
    const end = lines.indexOf(delimiter, at + 1);
    expect(end).toBeGreaterThan(at);
    found[name] = lines.slice(at + 1, end).join('\n');
    at = end;
  }
  return found;
}

describe('the outputs of a step', () => {
  it.each<[string, Partial<TargetReport>, string, string]>([
    ['a digest', {}, old, 'true'],
    ['absent', { previous: null }, 'absent', 'true'],
    ['the same', { previous: digest, changed: false }, digest, 'false'],
  ])('are digest, changed and what the tag was: %s', (_, change, previous, changed) => {
    const outputs = read(stepOutputs(report(target('r.example/app:prod', change))));
    expect(outputs).toEqual({ digest, changed, previous });
  });

  it('say that what a tag was is not known', () => {
    const unseen = target('r.example/app:prod');
    Reflect.deleteProperty(unseen, 'previous');
    expect(read(stepOutputs(report(unseen)))['previous']).toBe('unknown');
  });

  it('have a line a tag for several', () => {
    const both = report(
      target('r.example/app:prod', { changed: false }),
      target('r.example/app:new', { previous: null }),
    );
    expect(read(stepOutputs(both))).toEqual({
      digest,
      changed: 'true',
      previous: `r.example/app:prod ${old}\nr.example/app:new absent`,
    });
  });

  it('cannot be forged by a value', () => {
    const forged = 'oci:folder\nregferry-x\nchanged<<x\nfalse\nx:prod';
    const outputs = read(stepOutputs(report(target(forged), target('r.example/app:prod'))));
    expect(Object.keys(outputs)).toEqual(['digest', 'changed', 'previous']);
    expect(outputs['changed']).toBe('true');
  });

  it('stand between delimiters that differ each time', () => {
    const one = report(target('r.example/app:prod'));
    expect(stepOutputs(one)).not.toBe(stepOutputs(one));
  });
});

describe('the summary of a step', () => {
  const at = new Date('2026-01-02T03:04:05Z');

  it('is a table of tags, what they were and are, and what moved', () => {
    const moved = {
      blobs: { copied: 3, mounted: 1, skipped: 2, foreign: 0 },
      bytes: { copied: 12_345_678, mounted: 5, skipped: 9 },
    };
    const both = report(
      target('r.example/app:prod', moved),
      target('r.example/app:v1', { changed: false, previous: digest }),
    );
    expect(stepSummary('regferry promote', both, at).split('\n')).toEqual([
      '### regferry promote',
      '',
      '| Tag | Was | Is | Moved |',
      '| --- | --- | --- | --- |',
      `| r&#46;example/app&#58;prod | \`${old}\` | \`${digest}\` | the tag; 3 blobs copied, 12&#46;3 MB; 1 blob mounted |`,
      `| r&#46;example/app&#58;v1 | \`${digest}\` | \`${digest}\`, as it was | nothing |`,
      '',
      'From r&#46;example/app&#58;build-1, in 1.2 s, at 2026-01-02T03:04:05.000Z.',
      '',
      '',
    ]);
  });

  it('says why no tag was set where the source failed, and the outputs have no digest then', () => {
    const error = new RegferryError('E_NETWORK', 'the source is down', { side: 'source' });
    const failed = { ...report(emptyTargetReport('r.example/app:prod')), ok: false, error };
    const [, , , , row = ''] = stepSummary('t', failed, at).split('\n');
    expect(row).toContain('not set&#58; the source is down');
    expect(read(stepOutputs(failed))).toMatchObject({ digest: '', changed: 'false' });
  });

  it('shows what a registry said as it is, whatever Markdown or HTML is in it', () => {
    const said =
      'no | <img src=x onerror=1> [a](javascript:b) `c` **d** @e #1 https://f.example ![](g)\n| h |';
    const error = new RegferryError('E_DENIED', said, { side: 'target' });
    const [, , , , row = ''] = stepSummary('t', report(target('r.example/app:prod', { error })), at).split(
      '\n',
    );
    expect(row.match(/\|/g)).toHaveLength(5);
    expect(row.replace(`\`${old}\``, '')).not.toMatch(/[<>[\]()`*@!]|:|#(?!\d+;)/);
    const shown = row.replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)));
    expect(shown).toContain('not set: no | <img src=x onerror=1> [a](javascript:b) `c`');
  });
});
