import { describe, expect, it } from 'vitest';

import { CopyError } from '../../../../src/api/copy.js';
import type { CopyOptions } from '../../../../src/api/options.js';
import { PlanError } from '../../../../src/api/plan.js';
import { main } from '../../../../src/cli/main.js';
import type { CopyPlan, CopyReport, TargetPlan, TargetReport } from '../../../../src/copy/report.js';
import { RegferryError } from '../../../../src/errors.js';
import { brokenSink, fakeApi, fakeIo, run, without } from '../fake-io.js';

const digest = `sha256:${'1'.repeat(64)}`;
const old = `sha256:${'2'.repeat(64)}`;
const mediaType = 'application/vnd.oci.image.index.v1+json';

function target(reference: string, change: Partial<TargetReport> = {}): TargetReport {
  return {
    reference,
    digest,
    changed: true,
    previous: null,
    blobs: { copied: 5, mounted: 0, skipped: 2, foreign: 0 },
    manifests: { copied: 1, skipped: 0 },
    bytes: { copied: 12_345_678, mounted: 0, skipped: 99 },
    verified: 'bytes',
    ...change,
  };
}

function report(targets: TargetReport[], change: Partial<CopyReport> = {}): CopyReport {
  return {
    ok: targets.every(({ error }) => error === undefined),
    source: { reference: 'docker.io/library/app:1', digest, mediaType, size: 1234 },
    targets,
    requests: { source: 7, target: 18 },
    retries: 1,
    durationMs: 1234.5,
    ...change,
  };
}

function planned(reference: string, change: Partial<TargetPlan> = {}): TargetPlan {
  return {
    reference,
    changed: true,
    previous: old,
    blobs: { copy: 5, mount: 1, skip: 2, foreign: 0 },
    manifests: { copy: 1, skip: 3 },
    bytes: { copy: 12_345_678, mount: 1000, skip: 99 },
    ...change,
  };
}

function planOf(targets: TargetPlan[]): CopyPlan {
  return { ...report([]), targets };
}

function copying(outcome: CopyReport | Error): { copy: () => Promise<CopyReport> } {
  return { copy: () => (outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)) };
}

const refused = new RegferryError('E_DENIED', 'r2.example says 403 to a push', { side: 'target' });

describe('copy', () => {
  it('passes its arguments and options on', async () => {
    let seen: unknown[] = [];
    const argv = [
      ...['copy', 'app:1', 'r.example/app', 'oci:x:1', '--platform', 'linux/amd64', '--include-foreign'],
      ...['--concurrency', '3', '--retries', '0', '--retry-max-wait', '2m', '--idle-timeout', '30s'],
      ...[
        '--chunk-size',
        'off',
        '--trusted-realm',
        'a,b',
        '--trusted-realm',
        'c',
        '--allow-private-redirects',
      ],
    ];
    await run(argv, {
      copy: (...given) => {
        seen = given;
        return Promise.resolve(report([]));
      },
    });
    expect(seen).toEqual([
      'app:1',
      ['r.example/app', 'oci:x:1'],
      expect.objectContaining({
        platform: 'linux/amd64',
        includeForeign: true,
        concurrency: 3,
        retries: 0,
        maxRetryWaitMs: 120_000,
        idleTimeoutMs: 30_000,
        chunkSize: 'off',
        trustedRealms: ['a', 'b', 'c'],
        allowPrivateRedirects: true,
      } satisfies CopyOptions),
    ]);
  });

  it('passes guards on', async () => {
    let seen: CopyOptions | undefined;
    await run(['copy', 'app:1', 'r.example/app', '--expect', digest, '--if-target', old, '--no-clobber'], {
      copy: (_source, _targets, options) => {
        seen = options;
        return Promise.resolve(report([]));
      },
    });
    expect(seen?.guards).toEqual({ expect: digest, ifTarget: old, noClobber: true });
  });

  it('prints a line a target on stdout, and what it took on stderr', async () => {
    const ran = await run(
      ['copy', 'app:1', 'r.example/app:prod'],
      copying(report([target('r.example/app:prod')])),
    );
    expect(ran).toEqual({
      exit: 0,
      stdout: `r.example/app:prod@${digest}\n`,
      stderr: 'copied 5 blobs (12.3 MB), mounted 0, skipped 2; 1 manifest; verified; 1.2 s, 10.0 MB/s\n',
    });
  });

  it('says when there was nothing to do', async () => {
    const same = target('r.example/app:1', { changed: false, previous: digest, verified: 'header' });
    const { stderr } = await run(['copy', 'app:1', 'r.example/app'], copying(report([same])));
    expect(stderr).toBe('already there, nothing to do; 1.2 s\n');
  });

  it('prints an untagged target as repository@digest', async () => {
    const { stdout } = await run(
      ['copy', `app@${digest}`, 'r.example/app'],
      copying(report([target('r.example/app')])),
    );
    expect(stdout).toBe(`r.example/app@${digest}\n`);
  });

  it('names the targets on stderr where there are several', async () => {
    const foreign = { blobs: { copied: 1, mounted: 2, skipped: 3, foreign: 4 } };
    const outcome = report([target('r1.example/app:1'), target('r2.example/app:1', foreign)]);
    const { stderr } = await run(['copy', 'app:1', 'x', 'y'], copying(outcome));
    expect(stderr.split('\n')).toEqual([
      'r1.example/app:1: copied 5 blobs (12.3 MB), mounted 0, skipped 2; 1 manifest; verified; 1.2 s, 10.0 MB/s',
      'r2.example/app:1: copied 1 blob (12.3 MB), mounted 2, skipped 3; 4 foreign blobs left where they are; 1 manifest; verified; 1.2 s, 10.0 MB/s',
      '',
    ]);
  });

  it('keeps stdout and silences the rest with --quiet', async () => {
    const ran = await run(
      ['copy', '-q', '--log-level', 'debug', 'app:1', 'x'],
      copying(report([target('r.example/app:1')])),
    );
    expect(ran).toEqual({ exit: 0, stdout: `r.example/app:1@${digest}\n`, stderr: '' });
  });

  it('tells which targets failed and which did not', async () => {
    const outcome = report([target('r1.example/app:1'), target('r2.example/app:1', { error: refused })]);
    const partial = new RegferryError('E_PARTIAL', '1 of 2 targets failed: r2.example/app:1', {
      side: 'target',
    });
    const ran = await run(['copy', 'app:1', 'x', 'y'], copying(new CopyError(partial, outcome)));
    expect(ran.exit).toBe(9);
    expect(ran.stdout).toBe(`r1.example/app:1@${digest}\n`);
    expect(ran.stderr.split('\n').slice(1)).toEqual([
      'regferry: r2.example/app:1: r2.example says 403 to a push',
      'regferry: target: 1 of 2 targets failed: r2.example/app:1',
      '',
    ]);
  });

  it('tells of a single failed target once', async () => {
    const outcome = report([target('r2.example/app:1', { error: refused })]);
    const ran = await run(['copy', 'app:1', 'x'], copying(new CopyError(refused, outcome)));
    expect(ran).toEqual({ exit: 3, stdout: '', stderr: 'regferry: target: r2.example says 403 to a push\n' });
  });

  it('prints nothing for targets when the source failed', async () => {
    const untouched = without(target('r.example/app:1', { changed: false }), 'verified');
    const missing = new RegferryError('E_NOT_FOUND', 'no such tag', { side: 'source' });
    const outcome = report([untouched], { ok: false, error: missing });
    const ran = await run(['copy', 'app:1', 'x'], copying(new CopyError(missing, outcome)));
    expect(ran).toEqual({ exit: 4, stdout: '', stderr: 'regferry: source: no such tag\n' });
  });

  it('says what an interrupted copy leaves behind', async () => {
    const io = fakeIo();
    const running = run(
      ['copy', 'app:1', 'x', '--json'],
      {
        copy: (_source, _targets, options) =>
          new Promise((_resolve, reject) => {
            options?.signal?.addEventListener('abort', () => {
              const aborted = new RegferryError('E_ABORTED', 'aborted');
              const stopped = without(target('r.example/app:1', { error: aborted }), 'verified');
              reject(new CopyError(aborted, report([stopped])));
            });
          }),
      },
      io,
    );
    await new Promise((resolve) => setImmediate(resolve));
    io.signal('SIGTERM');
    const ran = await running;
    expect(ran.exit).toBe(143);
    expect(ran.stderr).toBe(
      'regferry: interrupted by SIGTERM: each tag is what it was or what it was to become; the same command again does the rest\n',
    );
    expect(JSON.parse(ran.stdout)).toMatchObject({ ok: false, error: { code: 'E_ABORTED', exit: 143 } });
  });

  it('does not call a copy that failed a success because nobody reads on', async () => {
    const outcome = report([target('r1.example/app:1'), target('r2.example/app:1', { error: refused })]);
    const io = { ...fakeIo(), stdout: brokenSink('EPIPE') };
    const api = fakeApi(copying(new CopyError(new RegferryError('E_PARTIAL', 'some failed'), outcome)));
    await expect(main(['copy', 'app:1', 'x', 'y'], io, () => Promise.resolve(api))).resolves.toBe(9);
  });
});

describe('copy --json', () => {
  it('writes one document with all that happened', async () => {
    const unknown = without(target('r2.example/app:1'), 'previous');
    const outcome = report([target('r1.example/app:1'), unknown]);
    const { exit, stdout, stderr } = await run(['copy', '--json', 'app:1', 'x', 'y'], copying(outcome));
    expect([exit, stderr]).toEqual([0, '']);
    const one = {
      digest,
      changed: true,
      blobs: { copied: 5, mounted: 0, skipped: 2, foreign: 0 },
      manifests: { copied: 1, skipped: 0 },
      bytes: { copied: 12_345_678, mounted: 0, skipped: 99 },
      verified: 'bytes',
    };
    expect(JSON.parse(stdout)).toStrictEqual({
      ok: true,
      source: { reference: 'docker.io/library/app:1', digest, mediaType, size: 1234 },
      targets: [
        { reference: 'r1.example/app:1', previous: null, ...one },
        { reference: 'r2.example/app:1', ...one },
      ],
      requests: { source: 7, target: 18 },
      retries: 1,
      durationMs: 1235,
    });
  });

  it('has the errors in it, and their exit codes', async () => {
    const outcome = report([target('r1.example/app:1'), target('r2.example/app:1', { error: refused })]);
    const partial = new RegferryError('E_PARTIAL', '1 of 2 targets failed', { side: 'target' });
    const { exit, stdout } = await run(
      ['copy', '--json', 'app:1', 'x', 'y'],
      copying(new CopyError(partial, outcome)),
    );
    expect(exit).toBe(9);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      targets: [
        { reference: 'r1.example/app:1' },
        { error: { code: 'E_DENIED', exit: 3, side: 'target', message: 'r2.example says 403 to a push' } },
      ],
      error: { code: 'E_PARTIAL', exit: 9, side: 'target', message: '1 of 2 targets failed' },
    });
  });

  it('has the same form where nothing could be begun', async () => {
    const { exit, stdout } = await run(['copy', '--json', 'app:1']);
    expect(exit).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      ok: false,
      source: { reference: 'app:1' },
      targets: [],
      error: { code: 'E_USAGE', exit: 2, message: expect.stringContaining('at least one target') as string },
      requests: { source: 0, target: 0 },
      retries: 0,
      durationMs: 0,
    });
  });

  it('holds no character that a terminal would act on', async () => {
    const hostile = new RegferryError('E_REFUSED', 'a\u001b[2J\u009b\u202eb', { side: 'target' });
    const outcome = report([target('r.example/\u009bapp:1', { error: hostile })]);
    const { stdout } = await run(['copy', '--json', 'app:1', 'x'], copying(new CopyError(hostile, outcome)));
    expect(stdout).toMatch(/^[\n -~]*$/);
    expect(JSON.parse(stdout)).toMatchObject({ targets: [{ reference: 'r.example/\u009bapp:1' }] });
  });
});

describe('copy --dry-run', () => {
  it('tells what would be done', async () => {
    const outcome = planOf([
      planned('r1.example/app:prod'),
      planned('r2.example/app:prod', {
        previous: null,
        blobs: { copy: 0, mount: 0, skip: 0, foreign: 2 },
      }),
      planned('r3.example/app:prod', { changed: false, previous: digest }),
    ]);
    const ran = await run(['copy', '--dry-run', 'app:1', 'x', 'y', 'z'], {
      plan: () => Promise.resolve(outcome),
    });
    expect(ran).toMatchObject({ exit: 0, stderr: '' });
    expect(ran.stdout.split('\n')).toEqual([
      'source docker.io/library/app:1',
      `  digest     ${digest}`,
      `  manifest   ${mediaType}, 1.2 kB`,
      'target r1.example/app:prod',
      `  now        ${old}, becomes ${digest}`,
      '  blobs      copy 5 (12.3 MB), mount 1 (1.0 kB), skip 2 (99 B)',
      '  manifests  copy 1, skip 3',
      'target r2.example/app:prod',
      `  now        absent, becomes ${digest}`,
      '  blobs      copy 0 (12.3 MB), mount 0 (1.0 kB), skip 0 (99 B), 2 foreign left where they are',
      '  manifests  copy 1, skip 3',
      'target r3.example/app:prod',
      `  now        ${digest}, stays`,
      '  blobs      copy 5 (12.3 MB), mount 1 (1.0 kB), skip 2 (99 B)',
      '  manifests  copy 1, skip 3',
      'nothing was written: this was a dry run',
      '',
    ]);
  });

  it('says where what is there now is not known', async () => {
    const unknown = without(planned('r.example/app:1'), 'previous');
    const { stdout } = await run(['copy', '--dry-run', 'a', 'b'], {
      plan: () => Promise.resolve(planOf([unknown])),
    });
    expect(stdout).toContain(`  now        unknown, becomes ${digest}\n`);
  });

  it('writes the same as JSON', async () => {
    const outcome = planOf([planned('r1.example/app:prod')]);
    const ran = await run(['copy', '--dry-run', '--json', 'a', 'b'], {
      plan: () => Promise.resolve(outcome),
    });
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: true,
      dryRun: true,
      targets: [
        {
          reference: 'r1.example/app:prod',
          changed: true,
          previous: old,
          blobs: { copy: 5, mount: 1, skip: 2, foreign: 0 },
          manifests: { copy: 1, skip: 3 },
          bytes: { copy: 12_345_678, mount: 1000, skip: 99 },
        },
      ],
    });
  });

  it('tells what could be found out when a target failed', async () => {
    const outcome = {
      ...planOf([planned('r1.example/app:1'), planned('r2.example/app:1', { error: refused })]),
      ok: false,
    };
    const error = new PlanError(new RegferryError('E_PARTIAL', '1 of 2 targets failed'), outcome);
    const ran = await run(['copy', '--dry-run', 'a', 'b', 'c'], { plan: () => Promise.reject(error) });
    expect(ran.exit).toBe(9);
    expect(ran.stdout).toContain('target r1.example/app:1\n  now ');
    expect(ran.stdout).toContain('target r2.example/app:1\n  failed     r2.example says 403 to a push\n');
    const json = await run(['copy', '--dry-run', '--json', 'a', 'b', 'c'], {
      plan: () => Promise.reject(error),
    });
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, dryRun: true, error: { code: 'E_PARTIAL' } });
  });
});

describe('the progress of a copy', () => {
  it('is drawn on a terminal while it runs, and gone when results are printed', async () => {
    const io = fakeIo({ terminal: { columns: 100 } });
    await run(
      ['copy', 'app:1', 'x'],
      {
        copy: (_source, _targets, options) => {
          const onEvent = options?.onEvent;
          const at = { target: 'r.example/app', digest, size: 2000 };
          onEvent?.({ type: 'walked', target: at.target, blobs: 1, bytes: 2000, complete: true });
          onEvent?.({ type: 'blob', ...at, state: 'started' });
          onEvent?.({ type: 'progress', target: at.target, digest, bytes: 1000 });
          io.clock.advance(100);
          onEvent?.({ type: 'note', message: 'attestations are not copied' });
          return Promise.resolve(report([target('r.example/app:1')]));
        },
      },
      io,
    );
    const { text } = io.stderr;
    expect(text).toContain('1.0 kB of 2.0 kB');
    expect(text).toContain('attestations are not copied\n');
    const afterErasing = text.slice(text.lastIndexOf('\u001b[2K') + '\u001b[2K'.length);
    expect(afterErasing).toMatch(/^copied 5 blobs .*\n$/);
    expect(io.clock.pending).toBe(0);
  });

  it('is gone when the copy fails, too', async () => {
    const io = fakeIo({ terminal: { columns: 100 } });
    await run(
      ['copy', 'app:1', 'x'],
      {
        copy: () => {
          io.clock.advance(100);
          return Promise.reject(new RegferryError('E_NETWORK', 'no way', { side: 'source' }));
        },
      },
      io,
    );
    expect(io.stderr.text).toBe(
      '\u001b[2mlooking at the image\u001b[0m\n\u001b[1A\u001b[2K\u001b[31mregferry:\u001b[0m source: no way\n',
    );
    expect(io.clock.pending).toBe(0);
  });

  it('has no colours where NO_COLOR is set', async () => {
    const io = fakeIo({ terminal: { columns: 100 }, env: { NO_COLOR: '1' } });
    const error = new RegferryError('E_NETWORK', 'no way', { side: 'source' });
    await run(['copy', 'app:1', 'x'], copying(error), io);
    expect(io.stderr.text).toBe('regferry: source: no way\n');
  });
});
