import { Refusal } from './refusal.js';

/** Most checks that wait or run: of one client, and of all. */
const mostOfClient = 8;
const mostInAll = 64;

/** Whoever sent a request. */
export interface Client {
  /** Where it comes from, as far as clients are told apart. */
  readonly address: string;
  /** True when it has gone away: no answer can be given any more. */
  readonly gone: boolean;
}

interface Check {
  readonly key: string;
  readonly address: string;
  /** All that wait for its answer. */
  readonly clients: Client[];
  readonly work: () => Promise<boolean>;
  readonly answer: Promise<boolean>;
  readonly settle: (answer: boolean | Promise<boolean>) => void;
}

/**
 * Checks that take long, one at a time: each address has its turn after the others, so that one that asks for many holds
 * up the others by one. What is asked twice at once is checked once, and what nobody waits for any more is not checked.
 */
export class PasswordChecks {
  readonly #checks = new Map<string, Check>();
  /** What waits, by address; the one whose turn is next comes first. */
  readonly #turns = new Map<string, Check[]>();
  #isRunning = false;

  /**
   * Resolves to what `work` does; `key` says what is asked. Throws a 429 at once when this address has too many checks
   * under way, a 503 when all together have.
   */
  ask(key: string, client: Client, work: () => Promise<boolean>): Promise<boolean> {
    const same = this.#checks.get(key);
    if (same !== undefined) {
      same.clients.push(client);
      return same.answer;
    }
    this.#admit(client.address);
    let settle: Check['settle'] = () => undefined;
    const answer = new Promise<boolean>((resolve) => (settle = resolve));
    const check = { key, address: client.address, clients: [client], work, answer, settle };
    this.#checks.set(key, check);
    const others = this.#turns.get(client.address);
    if (others === undefined) this.#turns.set(client.address, [check]);
    else others.push(check);
    void this.#run();
    return answer;
  }

  #admit(address: string): void {
    const ofClient = (): number =>
      [...this.#checks.values()].filter((check) => check.address === address).length;
    if (ofClient() < mostOfClient && this.#checks.size < mostInAll) return;
    this.#forgetUnwanted();
    if (ofClient() >= mostOfClient) {
      throw new Refusal(429, 'TOOMANYREQUESTS', 'too many passwords from this address are being checked', {
        headers: { 'Retry-After': '1' },
      });
    }
    if (this.#checks.size >= mostInAll) {
      throw new Refusal(503, 'UNAVAILABLE', 'too many passwords are being checked; try again', {
        headers: { 'Retry-After': '2' },
      });
    }
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let check = this.#next(); check !== undefined; check = this.#next()) {
      const running = isWanted(check) ? check.work() : Promise.resolve(false);
      check.settle(running);
      await running.catch(() => undefined);
      this.#checks.delete(check.key);
    }
    this.#isRunning = false;
  }

  #next(): Check | undefined {
    for (const [address, waiting] of this.#turns) {
      const check = waiting.shift();
      // Behind all others, if there is more.
      this.#turns.delete(address);
      if (waiting.length > 0) this.#turns.set(address, waiting);
      return check;
    }
    return undefined;
  }

  #forgetUnwanted(): void {
    for (const [address, waiting] of this.#turns) {
      const wanted = waiting.filter(isWanted);
      for (const check of waiting) {
        if (wanted.includes(check)) continue;
        this.#checks.delete(check.key);
        check.settle(false);
      }
      if (wanted.length > 0) this.#turns.set(address, wanted);
      else this.#turns.delete(address);
    }
  }
}

function isWanted({ clients }: Check): boolean {
  return clients.some(({ gone }) => !gone);
}
