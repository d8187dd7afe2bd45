import { hostKey, repositoryKey } from '../content/identity.js';
import { withSide, type RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { MANIFEST_BYTES } from '../spec/limits.js';
import { knownType } from '../spec/manifest-type.js';
import { formatPlatform, type Platform } from '../spec/platform.js';
import { BlobLedger } from './blob-ledger.js';
import { FanOut } from './fan-out.js';
import { checkSource } from './guards.js';
import { copyToGroups } from './groups.js';
import type { CopyJob, CopyTarget } from './job.js';
import { FIRST_CONNECTIONS, LanesByHost } from './lanes.js';
import { LabelNotes } from './label-notes.js';
import { linkedSignal } from '../content/linked-signal.js';
import type { Holding, ManifestRoom } from './manifest-room.js';
import { emptyTargetReport, type TargetReport } from './report.js';
import type { Shared } from './destination.js';
import { RepositoryMemories } from './repository-memory.js';
import { narrowToPlatform } from '../graph/platforms.js';
import { TargetGroup } from './target-group.js';
import { ManifestReader, type Node } from '../graph/manifest-reader.js';

/** What all images of a run share. */
export interface Run {
  readonly lanes: LanesByHost;
  readonly ledger: BlobLedger;
  readonly memories: RepositoryMemories;
  /** Where many images hold manifests at once: what they may hold together. */
  readonly room?: ManifestRoom | undefined;
  readonly notes: LabelNotes;
  /** Ends what is under way for an image that is done or has failed; left out where other images may need it. */
  readonly stop?: ((reason?: unknown) => void) | undefined;
}

/** A run of this job that has not begun. */
export function newRun(
  { concurrency, emit }: Pick<CopyJob, 'concurrency' | 'emit'>,
  stop?: Run['stop'],
): Run {
  return {
    lanes: new LanesByHost(concurrency),
    ledger: new BlobLedger(),
    memories: new RepositoryMemories(),
    notes: new LabelNotes(emit),
    stop,
  };
}

/** What the engine has to say after a run. */
export interface CopyOutcome {
  /** The source's root manifest, once it was read. */
  readonly root?: Descriptor | undefined;
  /** One report a target, in the order of the job. */
  readonly targets: readonly TargetReport[];
  /** Why nothing could be copied anywhere. */
  readonly error?: RegferryError | undefined;
}

/**
 * Copies one image to every target of the job: the source is asked for its manifest and the targets for their tags at
 * once; content, then manifests, then tags, then the read-back. Never rejects for what can go wrong with a registry: the
 * outcome says what failed and where, and a target that fails does not stop the others.
 */
export async function runCopy(given: CopyJob): Promise<CopyOutcome> {
  const stop = new AbortController();
  const job = { ...given, signal: linkedSignal(given.signal, stop.signal) };
  const run = newRun(job, (reason) => stop.abort(reason));
  for (const store of new Set([job.source, ...job.targets.map((target) => target.store)])) {
    store.prepare?.(FIRST_CONNECTIONS, { signal: job.signal });
  }
  return copyImage(run, job);
}

/** Copies one image of a run; see {@link runCopy}. */
export async function copyImage(run: Run, job: CopyJob): Promise<CopyOutcome> {
  const { source, signal, resume } = job;
  const holding = run.room?.holding();
  const lanes = run.lanes.of(hostKey(source));
  const reader = new ManifestReader(source, {
    signal,
    limit: (task) => lanes.check(task),
    resume,
    labels: run.notes,
    onRead: holding?.read,
  });
  const fanOut = new FanOut(job);
  const shared: Shared = { job, reader, ledger: run.ledger, fanOut, keepGoing: run.stop === undefined };
  const groups = grouped(job.targets).map((targets) => {
    const { store } = targets[0];
    return new TargetGroup(shared, targets, run.lanes.of(hostKey(store)), run.memories.of(store));
  });
  const reports = (): TargetReport[] =>
    job.targets.map((target) => {
      const reported = groups.map((group) => group.reportOf(target)).find((report) => report !== undefined);
      return reported ?? emptyTargetReport(target.reference);
    });
  let root: Descriptor | undefined;
  let reading: Promise<Node> | undefined;
  const read = async (): Promise<Node> => {
    const node = await (reading ??= readRoot(job, reader, holding));
    root = node.manifest.descriptor;
    return node;
  };
  const abort = (error: unknown): void => run.stop?.(withSide(error, 'source', job.signal));
  try {
    const head = await headOf(job, run);
    await copyToGroups(job, groups, { head, read }, abort);
    return { root: root ?? head, targets: reports() };
  } catch (error) {
    const failure = withSide(error, 'source', job.signal);
    run.stop?.(failure);
    await Promise.all(groups.map((group) => group.settled()));
    return { root, targets: reports(), error: failure };
  } finally {
    // A child may still be read that turned out to be at the target already.
    run.stop?.();
    await reader.settled();
    holding?.release();
  }
}

/**
 * What the source's tag is, asked by HEAD where manifest GETs are metered, or the targets likely have the image: it may be all
 * that is needed. Undefined where that is not asked, or not known.
 */
async function headOf(job: CopyJob, { lanes }: Run): Promise<Descriptor | undefined> {
  const { source, key, headFirst = false, signal } = job;
  if (!source.metered && !headFirst) return undefined;
  if (job.platform !== undefined || job.sourceGuard !== undefined) return undefined;
  const op = { signal, certainty: 'hint' } as const;
  const head = await lanes.of(hostKey(source)).check(() => source.resolve(key, op));
  // What is called by a name that says nothing has to be looked at.
  return knownType(head?.mediaType) === undefined ? undefined : head;
}

async function readRoot(job: CopyJob, reader: ManifestReader, holding: Holding | undefined): Promise<Node> {
  await holding?.root();
  const root = await reader.root(job.key);
  const { platform, source, emit } = job;
  const node = platform === undefined ? root : await narrowed(root, platform, reader, emit);
  if (job.sourceGuard !== undefined) await checkSource(job.sourceGuard, node, reader, job);
  const manifests = node.children.filter(({ size }) => size <= MANIFEST_BYTES);
  const named = manifests.reduce((sum, { size }) => sum + size, 0);
  await holding?.content(root.manifest.bytes.length, named);
  emit({ type: 'resolved', reference: source.toString(), descriptor: node.manifest.descriptor });
  return node;
}

/** The manifest for one platform. That its attestations stay behind is told. */
async function narrowed(
  root: Node,
  platform: Platform,
  reader: ManifestReader,
  emit: CopyJob['emit'],
): Promise<Node> {
  const { node, attestations } = await narrowToPlatform(root, platform, reader);
  if (attestations > 0) {
    const [some, are, them] =
      attestations === 1 ? ['attestation', 'is', 'it'] : ['attestations', 'are', 'them'];
    const message = `${attestations} ${some} of ${formatPlatform(platform)} ${are} not copied: one platform was asked for; copy the whole index to keep ${them}`;
    emit({ type: 'note', message });
  }
  return node;
}

type Group = [CopyTarget, ...CopyTarget[]];

/** Targets by repository, so that what several tags share moves once. */
function grouped(targets: readonly CopyTarget[]): Group[] {
  const groups = new Map<string, Group>();
  for (const target of targets) {
    const key = repositoryKey(target.store);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [target]);
    else group.push(target);
  }
  return [...groups.values()];
}
