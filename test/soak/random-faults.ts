import type { IncomingMessage } from 'node:http';

import { chosen, type Fault } from '../support/faults.js';
import { answer, hang } from '../support/faults/answers.js';
import { corruptRequest, corruptResponse, truncateResponse, wrongLength } from '../support/faults/bodies.js';
import {
  cutRequest,
  cutResponse,
  dropReply,
  stallRequest,
  stallResponse,
  type By,
} from '../support/faults/cuts.js';
import { delay } from '../support/faults/pace.js';
import { chance, pick } from './chance.js';

/** How many faults of each kind there were, and requests in all. */
export interface FaultCounts {
  requests: number;
  readonly kinds: Map<string, number>;
}

type Maker = (random: () => number, length: number) => Fault;

const statuses = [408, 429, 500, 502, 503, 504] as const;
const ways: readonly [By, By] = ['fin', 'rst'];

function within(random: () => number, length: number): number {
  return Math.floor(random() * length);
}

/** What can befall any request. */
const anywhere: Readonly<Record<string, Maker>> = {
  status: (random) => answer(pick(random, statuses)),
  'status with Retry-After': (random) => {
    return answer(pick(random, [429, 503]), { headers: { 'retry-after': String(within(random, 3)) } });
  },
  delay: (random) => delay(within(random, 30)),
  'cut before the answer': (random) => cutRequest({ after: 0, by: pick(random, ways) }),
  'lost reply': (random) => dropReply(pick(random, ways)),
  hang: () => hang(),
};

/** What can befall an answer with a body. */
const answers: Readonly<Record<string, Maker>> = {
  'cut answer': (random, length) => cutResponse({ after: within(random, length), by: pick(random, ways) }),
  'stalled answer': (random, length) => stallResponse({ after: within(random, length) }),
  'corrupt answer': (random, length) => corruptResponse({ at: within(random, length) }),
  'short answer': (random, length) => truncateResponse({ to: within(random, length) }),
  'wrong length': (random) => wrongLength((length) => Math.max(0, length + pick(random, [-1, 1, 100]))),
};

/** What can befall a request with a body. */
const bodies: Readonly<Record<string, Maker>> = {
  'cut body': (random, length) => cutRequest({ after: within(random, length), by: pick(random, ways) }),
  'stalled body': (random, length) => stallRequest({ after: within(random, length) }),
  'corrupt body': (random, length) => corruptRequest({ at: within(random, length) }),
};

/**
 * A fault for one request in `1 / rate`, of a kind that fits it. What befalls a request depends on the seed, its method
 * and path, and how often they were asked for, so that a seed means much the same faults each time.
 */
export function randomFaults(seed: number, rate: number, counts: FaultCounts): Fault {
  const asked = new Map<string, number>();
  return chosen((request) => {
    counts.requests += 1;
    const name = nameOf(request);
    const times = (asked.get(name) ?? 0) + 1;
    asked.set(name, times);
    const random = chance(seed, name, times);
    if (random() >= rate) return undefined;
    const length = Number(request.headers['content-length'] ?? 0);
    const fitting = {
      ...anywhere,
      ...(request.method === 'GET' ? answers : {}),
      ...(length > 0 ? bodies : {}),
    };
    const [first, ...others] = Object.entries(fitting);
    if (first === undefined) return undefined;
    const [kind, make] = pick(random, [first, ...others]);
    counts.kinds.set(kind, (counts.kinds.get(kind) ?? 0) + 1);
    return make(random, length > 0 ? length : 2_000);
  });
}

/** Method and path, without what a registry makes up anew each time. */
function nameOf({ method = '', url = '' }: IncomingMessage): string {
  return `${method} ${url.replace(/\/uploads\/[^?]+/, '/uploads/…')}`;
}
