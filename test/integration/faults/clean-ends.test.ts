import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { copy } from '../../../src/api/copy.js';
import { digestOf } from '../../../src/spec/digest.js';
import { waitUntil } from '../../support/child.js';
import { failureOf } from '../../support/copy-run.js';
import { rule, type Fault, type Rule, type RuleMatch } from '../../support/faults.js';
import { answer, hang, registryError, rewrite } from '../../support/faults/answers.js';
import { corruptResponse } from '../../support/faults/bodies.js';
import { stallResponse } from '../../support/faults/cuts.js';
import { blob, imageManifest, indexOf, seed } from '../../support/fixtures.js';
import { startRegferry } from '../../support/regferry.js';
import { startRegistry, type LoggedRequest, type TestRegistry } from '../../support/registry.js';
import { makeTempFolder, onProcessEnd, removeTempFolder } from '../../support/temp.js';

const old = imageManifest({ layers: [blob(100, 1)] });
const layer = blob(300_000, 2);
const layerDigest = digestOf(layer);
const child = imageManifest({ layers: [layer, blob(2_000, 3)] });
const image = indexOf([{ image: child }]);
const childDigest = child.root.descriptor.digest;

/** Where a copy can be when it is told to stop: it stands still there. */
interface Phase {
  readonly name: string;
  readonly at: 'source' | 'target';
  readonly match: RuleMatch;
  readonly fault: Fault;
  /** An upload is open then, and has to be cancelled. */
  readonly cancels?: true;
  /** The tag has been written then. */
  readonly written?: true;
}

const stillOld = rewrite((given) => ({
  ...given,
  headers: {
    ...given.headers,
    'docker-content-digest': old.root.descriptor.digest,
    'content-type': old.root.descriptor.mediaType,
  },
  body: old.root.bytes,
}));

const phases: readonly Phase[] = [
  { name: 'resolving the source', at: 'source', match: { path: /\/manifests\/v1$/ }, fault: hang() },
  { name: 'asking for the tag', at: 'target', match: { method: 'HEAD', path: /\/prod$/ }, fault: hang() },
  { name: 'walking', at: 'source', match: { path: new RegExp(`/manifests/${childDigest}`) }, fault: hang() },
  { name: 'asking for a blob', at: 'target', match: { method: 'HEAD', path: /\/blobs\// }, fault: hang() },
  { name: 'opening an upload', at: 'target', match: { method: 'POST' }, fault: hang() },
  {
    name: 'downloading',
    at: 'source',
    match: { path: new RegExp(layerDigest) },
    fault: stallResponse({ after: 100_000 }),
    cancels: true,
  },
  {
    name: 'waiting for the answer to an upload',
    at: 'target',
    match: { method: 'PUT', path: new RegExp(`digest=${layerDigest}`) },
    fault: hang(),
    cancels: true,
  },
  {
    name: 'waiting as long as it was asked to',
    at: 'target',
    match: { method: 'POST' },
    fault: answer(429, { headers: { 'retry-after': '30' } }),
  },
  {
    name: 'writing a platform',
    at: 'target',
    match: { method: 'PUT', path: /\/manifests\/sha256:/ },
    fault: hang(),
  },
  { name: 'writing the tag', at: 'target', match: { method: 'PUT', path: /\/prod$/ }, fault: hang() },
  {
    name: 'reading back',
    at: 'target',
    match: { method: 'GET', path: /\/prod$/ },
    fault: hang(),
    written: true,
  },
  {
    name: 'waiting to read back again',
    at: 'target',
    match: { method: 'GET', path: /\/prod$/ },
    fault: stillOld,
    written: true,
  },
];

let source: TestRegistry;
let target: TestRegistry;
const rules: { source: Rule[]; target: Rule[] } = { source: [], target: [] };

beforeAll(async () => {
  [source, target] = await Promise.all([
    startRegistry({ rules: rules.source }),
    startRegistry({ rules: rules.target }),
  ]);
});
afterAll(() => Promise.all([source.close(), target.close()]));

/** A repository of its own at both sides, where the copy stands still in this phase. */
async function standing(phase: Phase, repository: string): Promise<Rule> {
  await seed(source.store(repository), image, 'v1');
  await seed(target.store(repository), old, 'prod');
  const here = ({ url = '' }: { url?: string | undefined }): boolean => url.startsWith(`/v2/${repository}/`);
  const standing = rule({ ...phase.match, when: here }, phase.fault);
  rules[phase.at].push(standing);
  return standing;
}

/** The request that uploads the layer. */
function uploading(repository: string): LoggedRequest | undefined {
  return target.log.find(({ method, url }) => {
    return method === 'PUT' && url.startsWith(`/v2/${repository}/`) && url.includes(`digest=${layerDigest}`);
  });
}

async function untilItStands(phase: Phase, here: Rule, repository: string): Promise<void> {
  await waitUntil(`it stands still, ${phase.name}`, () => {
    return here.hits > 0 && (phase.cancels !== true || uploading(repository) !== undefined);
  });
}

/** The tag is as it was, or new where it has been written; the upload was cancelled. */
function expectCleanEnd(phase: Phase, repository: string): void {
  const expected = phase.written === true ? image : old;
  expect(target.store(repository).tagged('prod')).toBe(expected.root.descriptor.digest);
  if (phase.cancels !== true) return;
  const [session] = uploading(repository)?.url.split('?') ?? [];
  const cancelled = target.log.filter(({ method, url }) => method === 'DELETE' && url === session);
  expect(cancelled).toHaveLength(1);
}

describe.each(phases.map((phase) => [phase.name, phase] as const))('a command that is %s', (_name, phase) => {
  it.concurrent.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends at once with %s, with nothing left open', async (signal, code) => {
    const repository = `${phase.name.replaceAll(' ', '-')}/${code}`;
    const here = await standing(phase, repository);
    const run = startRegferry([
      'copy',
      `${source.host}/${repository}:v1`,
      `${target.host}/${repository}:prod`,
      '--json',
    ]);
    await untilItStands(phase, here, repository);
    const since = performance.now();
    run.process.kill(signal);
    const { code: ended, stdout, stderr } = await run.ended;
    expect(performance.now() - since).toBeLessThan(4_000);
    expect(ended).toBe(code);
    expect(JSON.parse(stdout.toString())).toMatchObject({ ok: false });
    expect(stderr).not.toMatch(/unexpected|bug/);
    expectCleanEnd(phase, repository);
  });
});

/** Runs copies in a process of its own, and tells what is left in it after each. */
const script = `
  import { copy } from '${new URL('../../../dist/index.js', import.meta.url).href}';
  const unhandled = [];
  process.on('unhandledRejection', (error) => unhandled.push(String(error)));
  let abort;
  process.on('message', async (message) => {
    if (message === 'abort') return abort.abort();
    if (message === 'end') return process.disconnect();
    abort = new AbortController();
    const options = { ...message.options, signal: abort.signal };
    const outcome = await copy(message.source, message.target, options).then(() => 'copied', ({ code }) => code);
    const left = process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY)Wrap$/.test(name));
    setImmediate(() => process.send({ outcome, left, unhandled }));
  });
`;

interface Leftovers {
  readonly outcome: string;
  readonly left: readonly string[];
  readonly unhandled: readonly string[];
}

describe('a program that uses the library', () => {
  let program: ChildProcess;
  let ended: Promise<unknown[]>;

  beforeAll(() => {
    program = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    onProcessEnd(() => program.kill('SIGKILL'));
    ended = once(program, 'exit');
  });

  async function run(
    repository: string,
    options: object = {},
    during?: () => Promise<void>,
  ): Promise<Leftovers> {
    const answered = once(program, 'message');
    program.send({
      source: `${source.host}/${repository}:v1`,
      target: `${target.host}/${repository}:prod`,
      options,
    });
    if (during !== undefined) {
      await during();
      program.send('abort');
    }
    const [leftovers] = (await answered) as [Leftovers];
    return leftovers;
  }

  const nothing = { left: [], unhandled: [] };

  it('has no socket, no timer and no rejection left after a copy', async () => {
    await seed(source.store('library'), image, 'v1');
    expect(await run('library')).toEqual({ outcome: 'copied', ...nothing });
  });

  it.each(phases.map((phase) => [phase.name, phase] as const))(
    'has nothing left after it gave up %s',
    async (_name, phase) => {
      const repository = `library/${phase.name.replaceAll(' ', '-')}`;
      const here = await standing(phase, repository);
      const leftovers = await run(repository, {}, () => untilItStands(phase, here, repository));
      expect(leftovers).toEqual({ outcome: 'E_ABORTED', ...nothing });
      expectCleanEnd(phase, repository);
    },
  );

  it.each<[string, Phase['at'], RuleMatch, Fault, string]>([
    [
      'a manifest that is not there',
      'source',
      { path: /sha256/ },
      registryError(404, 'MANIFEST_UNKNOWN'),
      'E_NOT_FOUND',
    ],
    [
      'a blob that is wrong',
      'source',
      { path: new RegExp(layerDigest) },
      corruptResponse({ at: 9 }),
      'E_DIGEST_MISMATCH',
    ],
    ['an upload that is refused', 'target', { method: 'PUT' }, registryError(403, 'DENIED'), 'E_DENIED'],
    ['an upload that is not answered', 'target', { method: 'POST' }, hang(), 'E_TIMEOUT'],
    [
      'a tag that is refused',
      'target',
      { method: 'PUT', path: /prod$/ },
      registryError(403, 'DENIED'),
      'E_DENIED',
    ],
  ])('has nothing left after %s', async (what, at, match, fault, code) => {
    const repository = `library/${what.replaceAll(' ', '-')}`;
    const here = await standing({ name: what, at, match, fault }, repository);
    const leftovers = await run(repository, { retries: 0, idleTimeoutMs: 300 });
    expect(here.hits).toBeGreaterThan(0);
    expect(leftovers).toEqual({ outcome: code, ...nothing });
  });

  it('ends by itself when it has nothing more to do', async () => {
    program.send('end');
    expect(await ended).toEqual([0, null]);
  });
});

describe('the first failure', () => {
  it('ends everything else that is under way, and nothing begins afterwards', async () => {
    await seed(source.store('failing'), image, 'v1');
    const missing = rule({ path: /\/v2\/failing\/blobs\/.*/, nth: 2 }, registryError(404, 'BLOB_UNKNOWN'));
    const standing = rule({ path: /\/v2\/failing\/blobs\// }, hang());
    rules.source.push(missing, standing);
    // Without the abort the other downloads would take their idle time-out of a minute each.
    const error = await failureOf(copy(`${source.host}/failing:v1`, `${target.host}/failing:prod`));
    expect(error).toMatchObject({ code: 'E_NOT_FOUND', side: 'source' });
    expect(standing.hits).toBeGreaterThan(0);
    const requests = source.log.length + target.log.length;
    for (let turn = 0; turn < 100; turn += 1) await setImmediate();
    expect(source.log.length + target.log.length).toBe(requests);
  });

  it('at one target leaves the other alone', async () => {
    await seed(source.store('two'), image, 'v1');
    const refusing = rule({ method: 'POST', path: /\/v2\/two\/a\// }, registryError(403, 'DENIED'));
    rules.target.push(refusing);
    const targets = [`${target.host}/two/a:prod`, `${target.host}/two/b:prod`];
    const error = await failureOf(copy(`${source.host}/two:v1`, targets));
    expect(error).toMatchObject({ code: 'E_PARTIAL' });
    expect(target.store('two/b').tagged('prod')).toBe(image.root.descriptor.digest);
    expect(target.store('two/a').tagged('prod')).toBeUndefined();
  });
});

describe('a layout folder', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'that is being written when %s comes holds no half file and no lock',
    async (signal) => {
      const folder = makeTempFolder('interrupted');
      const repository = `layout/${signal.toLowerCase()}`;
      try {
        const downloading = phases.find(({ name }) => name === 'downloading');
        if (downloading === undefined) throw new Error('there is no such phase');
        const here = await standing(downloading, repository);
        const run = startRegferry(['copy', `${source.host}/${repository}:v1`, `oci:${folder}/image:v1`]);
        await waitUntil('it stands still', () => here.hits > 0);
        run.process.kill(signal);
        expect((await run.ended).code).toBe(signal === 'SIGINT' ? 130 : 143);
        const files = readdirSync(`${folder}/image`, { recursive: true, encoding: 'utf8' });
        expect(
          files.filter((name) => !/^(oci-layout|index\.json|blobs(\/sha256(\/[0-9a-f]{64})?)?)$/.test(name)),
        ).toEqual([]);
        rules.source.splice(rules.source.indexOf(here), 1);
        const again = startRegferry(['copy', `${source.host}/${repository}:v1`, `oci:${folder}/image:v1`]);
        expect((await again.ended).code).toBe(0);
      } finally {
        removeTempFolder(folder);
      }
    },
  );
});
