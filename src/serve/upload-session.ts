import { randomUUID } from 'node:crypto';

import { formatUploadRange } from './range.js';
import { Refusal } from './refusal.js';
import type { IncomingBlob } from './storage.js';

/** How long a session may rest before it is forgotten with what it holds. */
const restMs = 60 * 60 * 1000;

/** The same for a session that nobody has asked for since the connection was closed over which it was opened. */
const orphanMs = 5 * 60 * 1000;

/** Most sessions at a time: each may hold a file open. */
const mostSessions = 1000;

/** How long a session must have rested before another one may take its place, where there are too many. */
const leastRestMs = 60 * 1000;

/** What tells that a client's connection is closed. */
interface Connection {
  once(event: 'close', listener: () => void): unknown;
}

/** A request that can be cut. */
interface Abortable {
  abort(): void;
}

/** One upload of one blob, over as many requests as the client likes. */
export class UploadSession {
  readonly id: string = randomUUID();
  readonly repository: string;
  readonly blob: IncomingBlob;
  /** True once a chunk was shorter than the registry asked for: only the last one may be. */
  hadShortChunk = false;
  /** True once it was committed or cancelled. */
  ended = false;
  /** True while nobody has asked for it, and nobody may: the connection over which it was opened is closed. */
  orphaned = false;
  /** When it was used last, in milliseconds by the clock of {@link UploadSessions}. */
  usedAt: number;
  readonly #now: () => number;
  #state: string | undefined;
  #writer: { readonly request: Abortable; readonly ended: Promise<void> } | undefined;

  constructor(repository: string, blob: IncomingBlob, now: () => number) {
    this.repository = repository;
    this.blob = blob;
    this.#now = now;
    this.usedAt = now();
  }

  /** True while a request writes to it. */
  get busy(): boolean {
    return this.#writer !== undefined;
  }

  /**
   * Runs the one request that may write to this session. A later request takes over from one that is still going on,
   * which is cut: its client has given it up, or it would not send the next one. Throws a 404 where that one ended the upload.
   */
  async write(request: Abortable, task: () => Promise<void>): Promise<void> {
    // Nothing comes between the last look and the entry of this writer.
    while (this.busy) await this.settle();
    if (this.ended) throw unknownUpload();
    const running = this.#awake(task);
    const ended = running.then(
      () => undefined,
      () => undefined,
    );
    const writer = { request, ended };
    this.#writer = writer;
    try {
      await running;
    } finally {
      if (this.#writer === writer) this.#writer = undefined;
      this.usedAt = this.#now();
    }
  }

  /** Cuts the request that writes to this session, if there is one, and waits for its end. */
  async settle(): Promise<void> {
    const writer = this.#writer;
    writer?.request.abort();
    await writer?.ended;
  }

  async #awake(task: () => Promise<void>): Promise<void> {
    await this.blob.wake();
    try {
      await task();
    } finally {
      this.blob.rest();
    }
  }

  /** Makes the next Location carry a state of its own, and every earlier one stale. */
  renewState(): void {
    // Characters that a client breaks when it parses and prints the query again.
    this.#state = `${randomUUID()}~%2B%2f+${this.blob.size}==`;
  }

  /** True for the query of the newest Location, which a client must send back as it is. */
  isCurrent(rawQuery: string): boolean {
    return this.#state === undefined || rawQuery.split('&').includes(`_state=${this.#state}`);
  }

  /** Headers that tell where the upload goes on, and from which byte. */
  headers(): Record<string, string> {
    const query = this.#state === undefined ? '' : `?_state=${this.#state}`;
    return {
      Location: `/v2/${this.repository}/blobs/uploads/${this.id}${query}`,
      Range: formatUploadRange(this.blob.size),
      'Docker-Upload-UUID': this.id,
    };
  }
}

/** The uploads of a registry that have begun and not ended. */
export class UploadSessions {
  readonly #sessions = new Map<string, UploadSession>();
  /** Those that nobody has asked for yet, by the connection over which they were opened. */
  readonly #unclaimed = new Map<Connection, Set<UploadSession>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** How many there are. */
  get size(): number {
    return this.#sessions.size;
  }

  /**
   * Starts one, and forgets those that have rested for too long. Where there are too many the one that has rested longest
   * gives up its place, orphans first; throws a 429 where none has rested for a minute. When `connection` closes before
   * anybody has asked for the session it is an orphan. It may still be asked for, even after a reset: another request on the
   * same connection was given up, or a proxy closes its connections like that.
   */
  async open(
    repository: string,
    receive: () => Promise<IncomingBlob>,
    connection?: Connection,
  ): Promise<UploadSession> {
    await this.sweep();
    const idle = this.#sessions.size >= mostSessions ? this.#longestIdle() : undefined;
    if (idle !== undefined) await this.cancel(idle);
    if (this.#sessions.size >= mostSessions) {
      const message = `${mostSessions} uploads are under way; finish or cancel some, or try again later`;
      throw new Refusal(429, 'TOOMANYREQUESTS', message, { headers: { 'Retry-After': '10' } });
    }
    const session = new UploadSession(repository, await receive(), this.#now);
    session.blob.rest();
    this.#sessions.set(session.id, session);
    if (connection !== undefined) this.#watch(connection, session);
    return session;
  }

  /** Forgets the sessions that nobody has touched for an hour, orphans after five minutes. */
  async sweep(): Promise<void> {
    const now = this.#now();
    for (const session of this.#sessions.values()) {
      const most = session.orphaned ? orphanMs : restMs;
      if (!session.busy && now - session.usedAt > most) await this.cancel(session);
    }
  }

  /** Forgets all sessions, and cuts the requests that write to them. */
  async close(): Promise<void> {
    for (const session of this.#sessions.values()) {
      await session.settle();
      await this.cancel(session);
    }
  }

  /** The session of this repository. Throws a 404 where there is none. */
  find(repository: string, id: string): UploadSession {
    const session = this.#sessions.get(id);
    if (session?.repository !== repository) {
      throw unknownUpload();
    }
    session.usedAt = this.#now();
    this.#claim(session);
    return session;
  }

  /** Forgets a session that was committed. */
  end(session: UploadSession): void {
    session.ended = true;
    this.#claim(session);
    this.#sessions.delete(session.id);
  }

  /** Forgets a session and what it holds. */
  async cancel(session: UploadSession): Promise<void> {
    this.end(session);
    await session.blob.discard();
  }

  #longestIdle(): UploadSession | undefined {
    const now = this.#now();
    return [...this.#sessions.values()]
      .filter(({ busy, orphaned, usedAt }) => !busy && (orphaned || now - usedAt > leastRestMs))
      .sort((a, b) => Number(b.orphaned) - Number(a.orphaned) || a.usedAt - b.usedAt)
      .at(0);
  }

  #watch(connection: Connection, session: UploadSession): void {
    const others = this.#unclaimed.get(connection);
    if (others !== undefined) {
      others.add(session);
      return;
    }
    this.#unclaimed.set(connection, new Set([session]));
    connection.once('close', () => {
      for (const unclaimed of this.#unclaimed.get(connection) ?? []) unclaimed.orphaned = true;
      this.#unclaimed.delete(connection);
    });
  }

  #claim(session: UploadSession): void {
    session.orphaned = false;
    for (const sessions of this.#unclaimed.values()) if (sessions.delete(session)) return;
  }
}

function unknownUpload(): Refusal {
  return new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', 'no such upload: it has ended, or never began');
}
