import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CopyError } from '../../../../src/api/copy.js';
import { PlanError } from '../../../../src/api/plan.js';
import type { PromoteOptions } from '../../../../src/api/promote.js';
import {
  emptyTargetReport,
  type CopyPlan,
  type CopyReport,
  type TargetReport,
} from '../../../../src/copy/report.js';
import { RegferryError } from '../../../../src/errors.js';
import { makeTempFolder, removeTempFolder } from '../../../support/temp.js';
import { fakeIo, run } from '../fake-io.js';

const digest = `sha256:${'1'.repeat(64)}`;
const old = `sha256:${'2'.repeat(64)}`;

let folder: string;
beforeEach(() => (folder = makeTempFolder('promote')));
afterEach(() => {
  removeTempFolder(folder);
});
const at = (name: string): string => join(folder, name);

function target(name: string, change: Partial<TargetReport> = {}): TargetReport {
  const base = emptyTargetReport(`r.example/app:${name}`);
  return { ...base, digest, changed: true, previous: old, verified: 'bytes', ...change };
}

function report(targets: TargetReport[], change: Partial<CopyReport> = {}): CopyReport {
  return {
    ok: targets.every(({ error }) => error === undefined),
    source: { reference: 'r.example/app:build-1', digest, mediaType: 'application/x', size: 1234 },
    targets,
    requests: { source: 1, target: 4 },
    retries: 0,
    durationMs: 35,
    ...change,
  };
}

function plan(): CopyPlan {
  return {
    ...report([]),
    targets: [
      {
        reference: 'r.example/app:prod',
        digest,
        changed: true,
        previous: old,
        blobs: { copy: 0, mount: 0, skip: 0, foreign: 0 },
        manifests: { copy: 1, skip: 0 },
        bytes: { copy: 0, mount: 0, skip: 0 },
      },
    ],
    allOrNothing: true,
    expected: { source: 1, target: 4 },
  };
}

const promoting = (made: CopyReport) => ({ promote: () => Promise.resolve(made) });
const lost = new RegferryError('E_TAG_MOVED', 'r.example/app:prod was moved by someone else', {
  side: 'target',
});

describe('promote', () => {
  it('passes its arguments, guards and options on', async () => {
    let seen: unknown[] = [];
    const argv = [
      ...[
        'promote',
        'r.example/app:build-1',
        'prod',
        'v1',
        '--to',
        'r2.example/app',
        '--to',
        'r3.example/app',
      ],
      ...['--expect', digest, '--if-target', 'absent', '--no-clobber', '--concurrency', '2'],
      ...['--require-platform', 'linux/amd64,linux/arm64', '--to-plain-http'],
    ];
    await run(argv, {
      promote: (...given) => {
        seen = given;
        return Promise.resolve(report([target('prod')]));
      },
    });
    expect(seen).toEqual([
      'r.example/app:build-1',
      ['prod', 'v1'],
      expect.objectContaining({
        to: ['r2.example/app', 'r3.example/app'],
        concurrency: 2,
        guards: {
          expect: digest,
          ifTarget: 'absent',
          noClobber: true,
          requirePlatforms: ['linux/amd64', 'linux/arm64'],
        },
        target: expect.objectContaining({ plainHttp: true }) as object,
      } satisfies PromoteOptions),
    ]);
  });

  it('prints a line a tag on stdout, and what it was on stderr', async () => {
    const moved = target('new', {
      previous: null,
      blobs: { copied: 2, mounted: 1, skipped: 0, foreign: 0 },
      bytes: { copied: 3000, mounted: 1, skipped: 0 },
    });
    const same = target('same', { changed: false, previous: digest, verified: 'header' });
    const ran = await run(['promote', 'x', 'a', 'b', 'c'], promoting(report([target('prod'), moved, same])));
    expect(ran).toEqual({
      exit: 0,
      stdout: ['prod', 'new', 'same'].map((tag) => `r.example/app:${tag}@${digest}\n`).join(''),
      stderr: [
        `r.example/app:prod: was ${old}, read back; 35 ms\n`,
        'r.example/app:new: was absent, read back; copied 2 blobs (3.0 kB), mounted 1 blob; 35 ms\n',
        'r.example/app:same: already there, nothing to do; 35 ms\n',
      ].join(''),
    });
  });

  it('writes the document of a copy with --json', async () => {
    const { stdout } = await run(['promote', '--json', 'x', 'prod'], promoting(report([target('prod')])));
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      source: { digest },
      targets: [{ reference: 'r.example/app:prod', digest, previous: old, changed: true, verified: 'bytes' }],
    });
  });

  it.each<[string, string[], string]>([
    ['no source', ['promote'], 'promote needs the source and at least one tag'],
    ['no tag', ['promote', 'app:1'], 'promote needs at least one tag'],
    ['a digest that is none', ['promote', 'app:1', 'prod', '--expect', 'latest'], 'is not a digest'],
    ['a state that is none', ['promote', 'app:1', 'prod', '--if-target', 'gone'], 'is not a digest'],
    [
      'a platform that is none',
      ['promote', 'app:1', 'prod', '--require-platform', 'arm'],
      'is not a platform',
    ],
    ['a plan without a dry run', ['promote', 'app:1', 'prod', '--plan-out', 'f'], '--dry-run, too'],
    [
      'a receipt of a dry run',
      ['promote', 'app:1', 'prod', '--dry-run', '--receipt', 'f'],
      '--dry-run does nothing',
    ],
    ['an undo with a source', ['promote', 'app:1', '--undo', 'f'], 'leave out a source'],
    ['an undo with guards', ['promote', '--undo', 'f', '--no-clobber'], 'leave out --no-clobber'],
    ['an undo without a receipt', ['promote', '--undo', '/nonexistent/f'], 'cannot be read'],
  ])('refuses %s in one line', async (_, argv, message) => {
    const { exit, stdout, stderr } = await run(argv);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.match(/\n/g)).toHaveLength(1);
  });
});

describe('promote --dry-run', () => {
  it('tells the plan, and keeps it in a file', async () => {
    const { exit, stdout } = await run(['promote', '--dry-run', '--plan-out', at('plan.json'), 'x', 'prod'], {
      planPromotion: () => Promise.resolve(plan()),
    });
    expect(exit).toBe(0);
    expect(stdout).toContain(`target r.example/app:prod\n  now        ${old}, becomes ${digest}\n`);
    expect(stdout).toContain('requests about 1 at the source, 4 at the targets\n');
    expect(JSON.parse(readFileSync(at('plan.json'), 'utf8'))).toMatchObject({
      regferryPlan: 1,
      source: { digest },
      targets: [{ reference: 'r.example/app:prod', previous: old }],
      allOrNothing: true,
    });
  });

  it('tells it as JSON', async () => {
    const { stdout } = await run(['promote', '--dry-run', '--json', 'x', 'prod'], {
      planPromotion: () => Promise.resolve(plan()),
    });
    expect(JSON.parse(stdout)).toMatchObject({ dryRun: true, expected: { source: 1, target: 4 } });
  });

  it('keeps no plan when there is none', async () => {
    const refused = new RegferryError('E_GUARD', 'it has to be absent', { side: 'target' });
    const ran = await run(['promote', '--dry-run', '--plan-out', at('plan.json'), 'x', 'prod'], {
      planPromotion: () => Promise.reject(new PlanError(refused, { ...plan(), ok: false })),
    });
    expect(ran.exit).toBe(8);
    expect(existsSync(at('plan.json'))).toBe(false);
  });

  it('fails before it asks anything when the plan cannot be kept', async () => {
    const ran = await run(['promote', '--dry-run', '--plan-out', at('none/plan.json'), 'x', 'prod']);
    expect(ran.exit).toBe(2);
    expect(ran.stderr).toContain('cannot be written');
  });
});

describe('promote --receipt', () => {
  const argv = ['promote', 'x', 'prod', '--no-clobber', '--receipt'];

  it('keeps what was done, and the guards', async () => {
    await run([...argv, at('receipt.json')], promoting(report([target('prod')])));
    expect(JSON.parse(readFileSync(at('receipt.json'), 'utf8'))).toMatchObject({
      subject: [{ name: 'r.example/app:prod' }],
      predicate: { guards: { noClobber: true }, tags: [{ previous: old, changed: true }] },
    });
  });

  it('fails before anything is done when the receipt cannot be written', async () => {
    const { exit, stderr } = await run([...argv, at('none/receipt.json')]);
    expect(exit).toBe(2);
    expect(stderr).toContain(`${at('none/receipt.json')} cannot be written`);
  });

  it('says that the tags moved when the receipt cannot be written after all', async () => {
    const made = report([target('prod'), target('same', { changed: false })]);
    const { exit, stdout, stderr } = await run([...argv, '/dev/full'], promoting(made));
    expect(exit).toBe(10);
    expect(stdout).toContain(`r.example/app:prod@${digest}\n`);
    expect(stderr).toContain(`was ${old}`);
    expect(stderr).toContain(
      'the tags have moved (r.example/app:prod), but the record of it is not complete',
    );
    const json = await run([...argv, '/dev/full', '--json'], promoting(made));
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      error: { code: 'E_IO', exit: 10 },
      targets: [{ changed: true, previous: old }, { changed: false }],
    });
  });

  it('keeps what was done before a failure', async () => {
    const made = report([target('first'), target('prod', { changed: false, error: lost })]);
    const error = new CopyError(new RegferryError('E_PARTIAL', '1 of 2 targets failed'), made);
    const ran = await run([...argv, at('receipt.json')], { promote: () => Promise.reject(error) });
    expect(ran.exit).toBe(9);
    expect(JSON.parse(readFileSync(at('receipt.json'), 'utf8'))).toMatchObject({
      subject: [{ name: 'r.example/app:first' }],
      predicate: { complete: false, tags: [{ changed: true }, { error: { code: 'E_TAG_MOVED' } }] },
    });
  });

  it('keeps none when nothing was done, and leaves an old one', async () => {
    await run([...argv, at('receipt.json')], promoting(report([target('prod')])));
    const before = readFileSync(at('receipt.json'), 'utf8');
    const made = report([target('prod', { changed: false, error: lost })]);
    const ran = await run([...argv, at('receipt.json')], {
      promote: () => Promise.reject(new CopyError(lost, made)),
    });
    expect(ran.exit).toBe(8);
    expect(ran.stderr).toContain('no receipt was written');
    expect(readFileSync(at('receipt.json'), 'utf8')).toBe(before);
  });
});

describe('promote in a job', () => {
  const job = (): { io: ReturnType<typeof fakeIo>; outputs: string; summary: string } => {
    const [outputs, summary] = [at('outputs'), at('summary')];
    return {
      io: fakeIo({ env: { GITHUB_OUTPUT: outputs, GITHUB_STEP_SUMMARY: summary } }),
      outputs,
      summary,
    };
  };

  it('adds to the outputs and to the summary', async () => {
    const { io, outputs, summary } = job();
    writeFileSync(outputs, 'earlier=1\n');
    await run(['promote', 'x', 'prod'], promoting(report([target('prod')])), io);
    expect(readFileSync(outputs, 'utf8')).toMatch(
      new RegExp(
        `^earlier=1\ndigest<<(\\S+)\n${digest}\n\\1\nchanged<<\\1\ntrue\n\\1\nprevious<<\\1\n${old}\n\\1\n$`,
      ),
    );
    expect(readFileSync(summary, 'utf8')).toContain('| Tag | Was | Is | Moved |');
  });

  it('tells both of a failure, too', async () => {
    const { io, outputs, summary } = job();
    const made = report([target('prod', { changed: false, error: lost })]);
    await run(['promote', 'x', 'prod'], { promote: () => Promise.reject(new CopyError(lost, made)) }, io);
    expect(readFileSync(outputs, 'utf8')).toContain('\nfalse\n');
    expect(readFileSync(summary, 'utf8')).toContain('not set');
  });

  it('leaves both alone in a dry run', async () => {
    const { io, outputs, summary } = job();
    await run(['promote', '--dry-run', 'x', 'prod'], { planPromotion: () => Promise.resolve(plan()) }, io);
    expect([existsSync(outputs), existsSync(summary)]).toEqual([false, false]);
  });

  it('fails when later steps cannot be told, and only warns for the summary', async () => {
    const done = promoting(report([target('prod')]));
    const untold = await run(['promote', 'x', 'prod'], done, fakeIo({ env: { GITHUB_OUTPUT: folder } }));
    expect(untold.exit).toBe(10);
    expect(untold.stderr).toContain('the tags have moved');
    const io = fakeIo({ env: { GITHUB_STEP_SUMMARY: folder } });
    const warned = await run(['promote', 'x', 'prod'], done, io);
    expect(warned.exit).toBe(0);
    expect(warned.stderr).toContain('warning: no summary for the job');
  });
});

describe('promote --undo', () => {
  const undone = (targets: TargetReport[]) => ({ ...report(targets), left: [], unmoved: [] });
  const receipt = async (): Promise<string> => {
    await run(['promote', 'x', 'prod', '--receipt', at('done.json')], promoting(report([target('prod')])));
    return at('done.json');
  };

  it('undoes the receipt, and keeps one of its own', async () => {
    let seen: unknown;
    const ran = await run(['promote', '--undo', await receipt(), '--receipt', at('undone.json')], {
      undo: (given) => {
        seen = given;
        return Promise.resolve(undone([target('prod', { digest: old, previous: digest })]));
      },
    });
    expect(ran).toMatchObject({ exit: 0, stdout: `r.example/app:prod@${old}\n` });
    expect(seen).toMatchObject({
      predicate: { tags: [{ reference: 'r.example/app:prod', digest, previous: old, changed: true }] },
    });
    expect(JSON.parse(readFileSync(at('undone.json'), 'utf8'))).toMatchObject({
      predicate: { guards: { unmovedSince: 'receipt' } },
    });
  });

  it('refuses what is no receipt in one line', async () => {
    writeFileSync(at('other.json'), '{"ok":true}');
    const { exit, stderr } = await run(['promote', '--undo', at('other.json')]);
    expect(exit).toBe(2);
    expect(stderr).toMatch(/^regferry: this receipt cannot be undone: .+\n$/);
  });

  it('heeds no variable that is about what to promote', async () => {
    const io = fakeIo({ env: { REGFERRY_EXPECT: digest, REGFERRY_TO: 'r2.example/app' } });
    const ran = await run(
      ['promote', '--undo', await receipt()],
      { undo: () => Promise.resolve(undone([target('prod')])) },
      io,
    );
    expect(ran.exit).toBe(0);
  });
});

describe('apply', () => {
  async function planFile(): Promise<string> {
    await run(['promote', '--dry-run', '--plan-out', at('plan.json'), 'x', 'prod'], {
      planPromotion: () => Promise.resolve(plan()),
    });
    return at('plan.json');
  }

  it('does what the plan says, and keeps a receipt', async () => {
    let seen: unknown;
    const ran = await run(['apply', await planFile(), '--receipt', at('receipt.json')], {
      apply: (given) => {
        seen = given;
        return Promise.resolve(report([target('prod')]));
      },
    });
    expect(ran).toMatchObject({ exit: 0, stdout: `r.example/app:prod@${digest}\n` });
    expect(seen).toMatchObject({
      source: { reference: 'r.example/app:build-1', digest },
      targets: [{ reference: 'r.example/app:prod', previous: old }],
      allOrNothing: true,
    });
    expect(JSON.parse(readFileSync(at('receipt.json'), 'utf8'))).toMatchObject({
      predicate: { guards: { expect: digest, unmovedSince: 'plan' } },
    });
  });

  it.each([
    ['is not there', undefined],
    ['is empty', ''],
    ['is no plan', '{"_type":"https://in-toto.io/Statement/v1"}'],
  ])('refuses a file that %s in one line', async (_, content) => {
    if (content !== undefined) writeFileSync(at('plan.json'), content);
    const { exit, stdout, stderr } = await run(['apply', at('plan.json')]);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(stderr).toMatch(/^regferry: .+\n$/);
  });

  it('writes one document when it fails, too', async () => {
    const { stdout } = await run(['apply', '--json', at('none.json')]);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      targets: [],
      error: { code: 'E_CONFIG', exit: 2 },
    });
  });
});
