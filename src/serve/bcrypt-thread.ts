import { Worker } from 'node:worker_threads';

import { bcryptPackage } from './bcrypt-package.js';

/**
 * What runs in the thread. It is text, so that it starts alike from the library, from the one file of the command line, and
 * from the source.
 */
const code = `
const { parentPort, workerData } = require('node:worker_threads');
const { hashSync } = require(workerData);
parentPort.on('message', ({ password, salts }) => {
  parentPort.postMessage(salts.map((salt) => hashSync(password, salt)));
});
`;

/** A password, and the salts with which it is to be hashed, one after the other. */
export interface HashingTask {
  readonly password: string;
  /** Version, cost and salt, as in `$2y$10$` and 22 characters. */
  readonly salts: readonly string[];
}

/** Hashes by bcrypt, elsewhere. */
export interface Hashing {
  /** The whole hashes, in the order of the salts. Not to be called again before it has answered. */
  hash(task: HashingTask): Promise<readonly string[]>;
  /** Ends what runs. May be called more than once. */
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (hashes: readonly string[]) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Hashes in a thread of its own, which is started with the first task and keeps no process alive: bcrypt is made to take
 * long, and the thread of the server has everybody else's requests to answer meanwhile. One that ends by accident fails its
 * task, and the next task starts another.
 */
export class BcryptThread implements Hashing {
  #worker: Worker | undefined;
  #waiting: Waiting | undefined;
  #closed = false;

  hash(task: HashingTask): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new Error('no password is checked any more');
      this.#waiting = { resolve, reject };
      this.#worker ??= this.#start();
      this.#worker.postMessage(task);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(code, { eval: true, workerData: bcryptPackage, env: {}, execArgv: [] });
    worker.on('message', (hashes: readonly string[]) => this.#take()?.resolve(hashes));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, new Error('the thread that checks passwords has ended')));
    worker.unref();
    return worker;
  }

  /** An `error` is followed by an `exit`, and the next thread may have been started by then. */
  #lose(worker: Worker, reason: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#take()?.reject(reason);
  }

  #take(): Waiting | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
