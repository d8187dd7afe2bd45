import type { Descriptor } from '../spec/descriptor.js';
import { gather } from './gather.js';
import { isGuarded, type CopyJob } from './job.js';
import type { TargetGroup } from './target-group.js';
import { waitingForAll } from './waiting.js';
import type { Node } from '../graph/manifest-reader.js';

/** What all groups of targets get their image from. */
export interface Root {
  /** What the source's tag is, where that was asked before it was read. */
  readonly head: Descriptor | undefined;
  /** Reads it, once. Rejects as the source does. */
  readonly read: () => Promise<Node>;
}

/**
 * Brings the image to every group of targets, each as fast as it goes; with guards, no group goes on before all of them hold.
 * Rejects when the source cannot be read, when nothing runs any more; `abort` is called before.
 */
export async function copyToGroups(
  job: CopyJob,
  groups: readonly TargetGroup[],
  root: Root,
  abort: (reason: unknown) => void,
): Promise<void> {
  if (isGuarded(job)) await copyGuarded(job, groups, root);
  else await copyEach(groups, root, abort);
}

/** Each group goes on with what it knows, whatever becomes of the others. */
async function copyEach(
  groups: readonly TargetGroup[],
  { head, read }: Root,
  abort: (reason: unknown) => void,
): Promise<void> {
  const done: TargetGroup[] = [];
  let node: Node | undefined;
  const bring = async (group: TargetGroup): Promise<void> => {
    node = await read();
    await group.examine(node);
    await group.bring(node);
    await group.publish(node);
    group.end();
  };
  const copy = async (group: TargetGroup): Promise<void> => {
    if (head === undefined || !(await group.holds(head))) return bring(group);
    done.push(group);
    group.unchanged(head.digest);
    group.end();
  };
  await gather(groups.map(copy), abort);
  // The source's tag has moved between the question and the reading.
  if (node === undefined || node.manifest.descriptor.digest === head?.digest) return;
  for (const group of done) group.reopen();
  await gather(done.map(bring), abort);
}

async function copyGuarded(
  job: CopyJob,
  groups: readonly TargetGroup[],
  { head, read }: Root,
): Promise<void> {
  const all = async (what: string, work: (group: TargetGroup) => Promise<unknown>): Promise<void> => {
    const awaited = groups.map((group) => ({ name: group.toString(), work: work(group) }));
    await waitingForAll(awaited, what, job);
  };
  const why = job.allOrNothing === true ? 'as no tag is set before all can be' : 'as there is a guard';
  const answers = `to answer before anything is written, ${why}`;
  if (head !== undefined) {
    const held: boolean[] = [];
    await all(answers, async (group) => held.push(await group.holds(head)));
    if (!held.includes(false)) {
      for (const group of groups) group.unchanged(head.digest);
      return;
    }
  }
  const root = await read();
  await all(answers, (group) => group.examine(root));
  if (stops(job, groups)) return;
  await all(`to have everything before the first tag is set, ${why}`, (group) => group.bring(root));
  for (const group of groups) {
    if (stops(job, groups)) return;
    await group.publish(root);
  }
  stops(job, groups);
}

/** True when a group has failed in a way that ends the work for all of them: they give up then. */
function stops(job: CopyJob, groups: readonly TargetGroup[]): boolean {
  const failure = groups
    .map((group) => group.failure)
    .find((found) => found !== undefined && (job.allOrNothing === true || found.error.code === 'E_GUARD'));
  if (failure === undefined) return false;
  for (const group of groups) group.giveUp(failure);
  return true;
}
