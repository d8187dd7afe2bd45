import { describe, expect, it } from 'vitest';

import { CopyError } from '../../../../src/api/copy.js';
import type { CopyTagsOptions } from '../../../../src/api/options.js';
import { PlanError } from '../../../../src/api/plan.js';
import type { CopyPlan, CopyReport, TargetPlan, TargetReport } from '../../../../src/copy/report.js';
import { RegferryError, type ErrorCode } from '../../../../src/errors.js';
import { fakeIo, run, without } from '../fake-io.js';

const digest = `sha256:${'1'.repeat(64)}`;
const old = `sha256:${'2'.repeat(64)}`;

function target(tag: string, change: Partial<TargetReport> = {}): TargetReport {
  return {
    reference: `r.example/app:${tag}`,
    digest,
    changed: true,
    previous: null,
    blobs: { copied: 2, mounted: 0, skipped: 1, foreign: 0 },
    manifests: { copied: 1, skipped: 0 },
    bytes: { copied: 1_000_000, mounted: 0, skipped: 99 },
    verified: 'bytes',
    ...change,
  };
}

const none = { copied: 0, mounted: 0, skipped: 0 };

function unchanged(tag: string): TargetReport {
  const counts = { blobs: { ...none, foreign: 0 }, bytes: none, manifests: { copied: 0, skipped: 0 } };
  return target(tag, { ...counts, changed: false, previous: digest, verified: 'header' });
}

function failed(tag: string, code: ErrorCode): TargetReport {
  const error = new RegferryError(code, `GET ${tag}: it went wrong`, { side: 'source' });
  return { ...without(unchanged(tag), 'verified'), error };
}

function report(targets: TargetReport[], change: Partial<CopyReport> = {}): CopyReport {
  return {
    ok: targets.every(({ error }) => error === undefined),
    source: { reference: 'docker.io/library/app' },
    targets,
    requests: { source: 7, target: 18 },
    retries: 1,
    durationMs: 1234.5,
    ...change,
  };
}

function copying(outcome: CopyReport | Error): { copyTags: () => Promise<CopyReport> } {
  return { copyTags: () => (outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)) };
}

const partial = new RegferryError('E_PARTIAL', '1 of 3 tags failed');
const argv = ['copy', '--all-tags', 'app', 'r.example/app'];

describe('copy --all-tags', () => {
  it('passes its arguments and options on', async () => {
    const seen: { source: unknown; targets: unknown; options: CopyTagsOptions | undefined }[] = [];
    const more = ['--tags', 'v*,1.?', '--tags=latest', '--exclude-tags', '*-rc*', '--no-clobber'];
    await run([...argv, 'oci:x', ...more, '--include-foreign', '--concurrency', '3'], {
      copyTags: (source, targets, options) => {
        seen.push({ source, targets, options });
        return Promise.resolve(report([target('v1')]));
      },
    });
    expect(seen).toMatchObject([
      {
        source: 'app',
        targets: ['r.example/app', 'oci:x'],
        options: {
          tags: ['v*', '1.?', 'latest'],
          excludeTags: ['*-rc*'],
          includeForeign: true,
          concurrency: 3,
          guards: { noClobber: true, ifTarget: undefined },
        },
      },
    ]);
  });

  it('prints a line for each tag that is there, and what it comes to', async () => {
    const mounted = target('v2', { blobs: { copied: 0, mounted: 3, skipped: 0, foreign: 0 } });
    const ran = await run(argv, copying(report([target('v1'), mounted, unchanged('v3')])));
    expect(ran).toEqual({
      exit: 0,
      stdout: ['v1', 'v2', 'v3'].map((tag) => `r.example/app:${tag}@${digest}\n`).join(''),
      stderr: [
        'copied r.example/app:v1: 2 blobs (1.0 MB)',
        'copied r.example/app:v2: 0 blobs (1.0 MB), 3 mounted',
        '2 tags copied (2 blobs, 2.0 MB, 3 mounted), 1 unchanged, 0 failed; 1.2 s, 1.6 MB/s\n',
      ].join('\n'),
    });
    const quiet = await run([...argv, '--quiet'], copying(report([target('v1')])));
    expect(quiet).toEqual({ exit: 0, stdout: `r.example/app:v1@${digest}\n`, stderr: '' });
  });

  it('counts a tag once that goes to several targets, as failed if it failed at any', async () => {
    const elsewhere = (one: TargetReport): TargetReport => ({
      ...one,
      reference: one.reference.replace('r.example', 'oci:folder'),
    });
    const outcome = report([
      target('v1'),
      elsewhere(target('v1')),
      unchanged('v2'),
      elsewhere(unchanged('v2')),
      unchanged('v3'),
      elsewhere(target('v3')),
      target('v4'),
      elsewhere(failed('v4', 'E_DENIED')),
    ]);
    const ran = await run(argv, copying(new CopyError(partial, outcome)));
    expect(ran.stderr).toContain('2 tags copied (8 blobs, 4.0 MB), 1 unchanged, 1 failed, at 2 targets; ');
    expect(ran.stderr.split('\n').filter((line) => line.startsWith('copied'))).toEqual([
      'copied r.example/app:v1: 2 blobs (1.0 MB)',
      'copied oci:folder/app:v1: 2 blobs (1.0 MB)',
      'copied oci:folder/app:v3: 2 blobs (1.0 MB)',
      'copied r.example/app:v4: 2 blobs (1.0 MB)',
    ]);
  });

  it('tells which have failed, each in a line', async () => {
    const outcome = report([target('v1'), failed('v2', 'E_NOT_FOUND'), unchanged('v3')]);
    const ran = await run(argv, copying(new CopyError(partial, outcome)));
    expect(ran.exit).toBe(9);
    expect(ran.stdout).toBe(['v1', 'v3'].map((tag) => `r.example/app:${tag}@${digest}\n`).join(''));
    expect(ran.stderr.split('\n')).toEqual([
      'copied r.example/app:v1: 2 blobs (1.0 MB)',
      '1 tag copied (2 blobs, 1.0 MB), 1 unchanged, 1 failed; 1.2 s, 810.0 kB/s',
      'regferry: r.example/app:v2: GET v2: it went wrong',
      'regferry: 1 of 3 tags failed',
      '',
    ]);
  });

  it('does not take what was interrupted for failed', async () => {
    const io = fakeIo();
    const ran = await run(
      argv,
      {
        copyTags: (_source, _targets, options) => {
          io.signal('SIGINT');
          const error = new RegferryError('E_ABORTED', 'interrupted');
          expect(options?.signal?.aborted).toBe(true);
          return Promise.reject(new CopyError(error, report([target('v1'), failed('v2', 'E_ABORTED')])));
        },
      },
      io,
    );
    expect(ran.exit).toBe(130);
    expect(ran.stderr).toContain(
      '1 tag copied (2 blobs, 1.0 MB), 0 unchanged, 0 failed, 1 interrupted; 1.2 s, 810.0 kB/s\n',
    );
    expect(ran.stderr).toContain('each tag is what it was or what it was to become');
    expect(ran.stderr).not.toContain('v2');
  });

  it('says nothing of tags where none was looked at', async () => {
    const error = new RegferryError('E_NOT_FOUND', 'app has no tags', { side: 'source' });
    const ran = await run(argv, copying(new CopyError(error, report([], { error }))));
    expect(ran).toEqual({ exit: 4, stdout: '', stderr: 'regferry: source: app has no tags\n' });
  });

  it('writes one JSON document', async () => {
    const outcome = report([target('v1'), failed('v2', 'E_NOT_FOUND')], { error: partial });
    const ran = await run([...argv, '--json'], copying(new CopyError(partial, outcome)));
    expect(ran.exit).toBe(9);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: false,
      source: { reference: 'docker.io/library/app' },
      targets: [
        { reference: 'r.example/app:v1', digest, previous: null, verified: 'bytes' },
        {
          reference: 'r.example/app:v2',
          changed: false,
          error: { code: 'E_NOT_FOUND', exit: 4, side: 'source' },
        },
      ],
      error: { code: 'E_PARTIAL', exit: 9 },
    });
  });

  it('has a dry run of a line a tag', async () => {
    const planned = (tag: string, change: Partial<TargetPlan> = {}): TargetPlan => ({
      reference: `r.example/app:${tag}`,
      digest,
      changed: true,
      previous: old,
      blobs: { copy: 5, mount: 1, skip: 2, foreign: 0 },
      manifests: { copy: 1, skip: 3 },
      bytes: { copy: 12_345_678, mount: 1000, skip: 99 },
      ...change,
    });
    const error = new RegferryError('E_DENIED', 'r.example says 403');
    const plan: CopyPlan = {
      ...report([]),
      targets: [planned('v1'), planned('v2', { changed: false }), planned('v3', { error, changed: false })],
    };
    const lines = [
      'source docker.io/library/app',
      `target r.example/app:v1: ${old}, becomes ${digest}; blobs copy 5 (12.3 MB), mount 1, skip 2`,
      `target r.example/app:v2: ${digest}, stays`,
      'target r.example/app:v3: failed, r.example says 403',
      '1 tag to copy (5 blobs, 12.3 MB), 1 unchanged, 1 failed',
      'nothing was written: this was a dry run',
      '',
    ];
    const planTags = (): Promise<CopyPlan> => Promise.reject(new PlanError(partial, plan));
    const ran = await run([...argv, '--dry-run'], { planTags });
    expect(ran.exit).toBe(9);
    expect(ran.stdout.split('\n')).toEqual(lines);
    const json = await run([...argv, '--dry-run', '--json'], { planTags: () => Promise.resolve(plan) });
    expect(JSON.parse(json.stdout)).toMatchObject({
      dryRun: true,
      targets: [{ digest, previous: old }, {}, {}],
    });
  });

  it.each([
    [['--platform', 'linux/arm64'], '--platform'],
    [['--expect', digest], '--expect'],
    [['--require-platform', 'linux/arm64'], '--require-platform'],
    [['--dry-run', '--plan-out', 'plan.json'], '--plan-out'],
  ])('is refused with %j, which is for one image', async (options, name) => {
    const ran = await run([...argv, ...options]);
    expect(ran.exit).toBe(2);
    expect(ran.stderr).toContain(`--all-tags copies each tag as it is: leave out ${name}`);
  });

  it('is refused with a variable that is for one image', async () => {
    const io = fakeIo({ env: { REGFERRY_PLATFORM: 'linux/arm64' } });
    const ran = await run(argv, {}, io);
    expect([ran.exit, ran.stderr]).toEqual([2, expect.stringContaining('leave out REGFERRY_PLATFORM')]);
  });

  it.each(['v[', '^v1', ',v1', 'a b'])('is refused with the pattern %j', async (pattern) => {
    const ran = await run([...argv, '--tags', pattern]);
    expect(ran.exit).toBe(2);
    expect(ran.stderr).toMatch(/is not a tag pattern|--tags/);
  });

  it('is what patterns are for', async () => {
    for (const name of ['--tags', '--exclude-tags']) {
      const ran = await run(['copy', 'app:1', 'r.example/app', name, 'v*']);
      expect(ran.exit).toBe(2);
      expect(ran.stderr).toContain(`${name} chooses among all tags: give --all-tags, too`);
    }
  });
});
