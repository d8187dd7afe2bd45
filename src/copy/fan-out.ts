import { hostKey, repositoryKey } from '../content/identity.js';
import type { ContentSource } from '../content/store.js';
import type { Descriptor } from '../spec/descriptor.js';
import { Member, type Rounds, type Start } from './fan-out-member.js';
import type { CopyJob } from './job.js';
import { patience, type Patience } from './patience.js';
import { resuming } from '../graph/resuming.js';
import { SharedRead } from './shared-read.js';
import { sourceBlob } from './source-blob.js';

/** A blob that somebody wants while others have not said whether they do. */
interface Round {
  readonly descriptor: Descriptor;
  /** Those that want it, and what starts them. */
  readonly wanting: Map<Member, Start>;
}

/**
 * Lets targets at several hosts share the reads of what more than one of them lacks. For each blob every host decides
 * whether it wants it: a repository wants what it neither has nor mounts, and does not want what it has not asked for
 * once it has asked for everything, has failed or is through. Deciding needs checks and reads of manifests only, which
 * never wait for a transfer that waits, so each decision comes. Where one host wants a blob it is brought as if there were
 * no others.
 *
 * Where several do, their transfers enter the lanes of all of them at that moment, in one turn of the loop, and each holds
 * its slot until the others have theirs. That cannot end in a ring of waiting: lanes are first in, first out, and shared
 * transfers are in the same order in all of them, so of those that wait the oldest has only tasks before it that wait for
 * nobody, or that have all their slots and come to an end.
 *
 * Nobody waits long for a target that shows no sign of life: it is left out until it gives one. That cuts the one knot
 * that there can be as well: two hosts that both answer 429 and then let uploads through one by one (http/host-pace.ts)
 * need not do so in the same order.
 */
export class FanOut {
  readonly #source: ContentSource;
  readonly #resume: CopyJob['resume'];
  readonly #patience: Patience;
  readonly #members = new Map<string, Member>();
  readonly #rounds = new Map<string, Round>();
  /** Digests of rounds that are over; who comes later reads alone. */
  readonly #over = new Set<string>();
  #stopWatching: (() => void) | undefined;

  /** Takes part: each target's repository, unless it is at the source's host, which can mount, or nobody is elsewhere. */
  constructor({ source, targets, dryRun, resume, patience: given }: CopyJob) {
    this.#source = source;
    this.#resume = resume;
    this.#patience = given ?? patience();
    const stores = targets.map(({ store }) => store).filter((store) => hostKey(store) !== hostKey(source));
    if (dryRun || new Set(stores.map(hostKey)).size < 2) return;
    for (const store of stores) {
      this.#members.set(repositoryKey(store), new Member(hostKey(store), this.#roundsOf()));
    }
  }

  /** What decides for a repository. */
  member(store: ContentSource): Member {
    return this.#members.get(repositoryKey(store)) ?? new Member(hostKey(store), undefined);
  }

  #roundsOf(): Rounds {
    return {
      wants: (member, descriptor, start) => this.#want(member, descriptor, start),
      decided: (digest) => {
        const round = this.#rounds.get(digest);
        if (round !== undefined) this.#settle(round);
      },
      changed: (member) => this.#changed(member),
      settled: () => this.#rest(),
    };
  }

  #want(member: Member, descriptor: Descriptor, start: Start): void {
    const { digest } = descriptor;
    if (!member.isLive || this.#over.has(digest)) {
      start();
      return;
    }
    let round = this.#rounds.get(digest);
    if (round === undefined) this.#rounds.set(digest, (round = { descriptor, wanting: new Map() }));
    round.wanting.set(member, start);
    this.#settle(round);
    this.#watch();
  }

  #changed(member: Member): void {
    if (!member.isLive) {
      for (const { wanting } of this.#rounds.values()) {
        const start = wanting.get(member);
        wanting.delete(member);
        start?.();
      }
    }
    for (const round of [...this.#rounds.values()]) this.#settle(round);
    this.#rest();
  }

  /** Starts the transfers of a blob when every host has decided about it. */
  #settle(round: Round): void {
    const { descriptor, wanting } = round;
    const { digest } = descriptor;
    if (!this.#rounds.has(digest)) return;
    if ([...this.#members.values()].some((member) => this.#isAwaited(member, round))) return;
    this.#rounds.delete(digest);
    this.#over.add(digest);
    if (wanting.size < 2) {
      for (const start of wanting.values()) start();
      return;
    }
    const open = resuming(sourceBlob(this.#source, descriptor), descriptor, this.#resume);
    const read = new SharedRead({ descriptor, open, patience: this.#patience });
    const seats = [...wanting].map(([member, start]) => ({ start, seat: member.seatAt(read) }));
    for (const { start, seat } of seats) start(seat);
  }

  /** A host has decided once one of its repositories wants the blob: the others mount it. */
  #isAwaited(member: Member, { descriptor, wanting }: Round): boolean {
    if (member.hasDecided(descriptor.digest)) return false;
    return ![...wanting.keys()].some(({ host }) => host === member.host);
  }

  /** Sees to it that nobody is waited for who shows no sign of life between two looks. */
  #watch(): void {
    const { ms, alarm } = this.#patience;
    if (this.#stopWatching !== undefined || this.#isIdle()) return;
    const cancel = alarm(ms, () => {
      this.#stopWatching = undefined;
      const rounds = [...this.#rounds.values()];
      for (const member of this.#members.values()) {
        member.look(rounds.some((round) => this.#isAwaited(member, round)));
      }
      this.#watch();
    });
    this.#stopWatching = () => {
      cancel();
      this.#stopWatching = undefined;
    };
  }

  #rest(): void {
    if (this.#isIdle()) this.#stopWatching?.();
  }

  #isIdle(): boolean {
    return this.#rounds.size === 0 && [...this.#members.values()].every(({ isSeated }) => !isSeated);
  }
}
