import type { RegferryError } from '../errors.js';
import type { Descriptor } from '../spec/descriptor.js';
import { gather } from './gather.js';
import { distinct, toBringAgain, type Holding } from './missing-content.js';
import type { Node, ManifestReader } from '../graph/manifest-reader.js';

/** How to bring again what a manifest names. */
export interface Refill extends Holding {
  readonly reader: ManifestReader;
  /** That of the manifest's children. */
  readonly depth: number;
  /** True for a blob that is not to be copied at all. */
  readonly leavesOut: (blob: Descriptor) => boolean;
  /** Called when there is something to bring, with the blobs among it. */
  readonly starts: (blobs: readonly Descriptor[]) => void;
  readonly bringAgain: (blobs: readonly Descriptor[]) => Promise<void>;
  readonly putChild: (child: Node) => Promise<void>;
}

/**
 * Brings again what a registry may lack of what a manifest names, past every earlier answer and mount; child manifests
 * always. False if there was nothing to bring.
 */
export async function refill(node: Node, refusal: RegferryError, filling: Refill): Promise<boolean> {
  const { reader, depth, leavesOut, starts, bringAgain, putChild, stop } = filling;
  const entries = distinct(node.children.filter((entry) => !leavesOut(entry)));
  const nodes = await Promise.all(entries.map((entry) => reader.entry(entry, depth)));
  const unlisted = entries.filter((_, at) => nodes[at] === undefined);
  const wanted = distinct([...node.blobs, ...unlisted].filter((blob) => !leavesOut(blob)));
  const blobs = await toBringAgain(wanted, refusal, filling);
  const children = nodes.filter((child) => child !== undefined);
  if (blobs.length + children.length === 0) return false;
  starts(blobs);
  await gather([bringAgain(blobs), ...children.map(putChild)], stop);
  return true;
}
