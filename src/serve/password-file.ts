import { createHmac, randomBytes } from 'node:crypto';

import { RegferryError } from '../errors.js';
import { printable } from '../spec/printable.js';
import { idleSalts, isSameHash, parseBcrypt, type BcryptHash } from './bcrypt-hash.js';
import { BcryptThread, type Hashing } from './bcrypt-thread.js';
import { PasswordChecks, type Client } from './password-checks.js';

/** Highest cost that is accepted: a check takes some two seconds of a processor then, and each step doubles that. */
const highestCost = 15;

/** Most users of a file. */
const mostUsers = 10_000;

/** Longest Authorization header that is looked at. */
const longestHeader = 4096;

interface User {
  readonly name: string;
  readonly hash: BcryptHash;
}

/**
 * The users of an htpasswd file, and what they may do with it: all. The right password of a user is remembered by a keyed
 * hash of it, so that only the first request pays for bcrypt. Wrong ones are not, and push out nothing.
 */
export class PasswordFile {
  readonly #users: ReadonlyMap<string, BcryptHash>;
  /** The highest cost of the file: so long every wrong password takes, and every unknown name. */
  readonly #cost: number;
  readonly #hashing: Hashing;
  readonly #checks = new PasswordChecks();
  readonly #secret = randomBytes(32);
  /** One for each user, so that there are never more of them than users. */
  readonly #remembered = new Map<string, string>();

  private constructor(users: readonly User[], hashing: Hashing) {
    this.#hashing = hashing;
    // As in Apache's reader, the first line of a user is the one that counts.
    this.#users = new Map(users.map(({ name, hash }) => [name, hash] as const).reverse());
    this.#cost = Math.max(...users.map(({ hash }) => hash.cost));
  }

  /**
   * Reads a file of `user:hash` lines, as `htpasswd -B` writes them; `path` is for messages. Blank lines and those that
   * begin with # are passed over. Throws E_CONFIG for other hashes than bcrypt, costs above 15, and a file without users.
   * `hashing` is closed with the file; by default it is a thread.
   */
  static parse(content: string, path: string, hashing: Hashing = new BcryptThread()): PasswordFile {
    const lines = content.replace(/^\ufeff/, '').split(/\r?\n/);
    const users = lines.flatMap((line, at) => {
      return line.trim() === '' || line.startsWith('#') ? [] : [parseLine(line, `${path}, line ${at + 1}`)];
    });
    if (users.length === 0) throw refused(`${path} has no users; add one with htpasswd -B`);
    if (users.length > mostUsers) throw refused(`${path} has more than ${mostUsers} users`);
    return new PasswordFile(users, hashing);
  }

  /**
   * True for the Authorization header of one of the users with the right password. What has to be hashed waits for its
   * turn, and is refused at once where too much waits (429, 503).
   */
  async isAllowed(authorization: string | undefined, client: Client): Promise<boolean> {
    const given = readBasic(authorization);
    if (given === undefined) return false;
    const { name, password } = given;
    const key = createHmac('sha256', this.#secret).update(`${name}:${password}`).digest('hex');
    if (this.#remembered.get(name) === key) return true;
    const allowed = await this.#checks.ask(key, client, () => this.#check(name, password));
    if (allowed) this.#remembered.set(name, key);
    return allowed;
  }

  /** Ends the checks that run. */
  async close(): Promise<void> {
    await this.#hashing.close();
  }

  /**
   * What is wrong takes as long for each user, whatever the cost of its hash, and for names that are not known: the time
   * does not tell which names there are.
   */
  async #check(name: string, password: string): Promise<boolean> {
    const user = this.#users.get(name);
    if (user !== undefined) {
      const [made = ''] = await this.#hashing.hash({ password, salts: [user.salt] });
      if (isSameHash(made, user)) return true;
    }
    const salts = idleSalts(user?.cost, this.#cost);
    if (salts.length > 0) await this.#hashing.hash({ password, salts });
    return false;
  }
}

function parseLine(line: string, where: string): User {
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(0, colon));
  if (name === '') throw refused(`${where}: expected user:hash`);
  const hash = parseBcrypt(line.slice(colon + 1).trim());
  const who = `${where} (${printable(name, 60)})`;
  if (hash === undefined) throw refused(`${who}: the hash is not bcrypt; make it with htpasswd -B`);
  if (hash.cost > highestCost) {
    const made = `htpasswd -B -C ${highestCost}`;
    throw refused(
      `${who}: the cost is ${hash.cost}, and a check at more than ${highestCost} takes too long; make it with ${made}`,
    );
  }
  return { name, hash };
}

/** https://www.rfc-editor.org/rfc/rfc7617 */
function readBasic(header: string | undefined): { name: string; password: string } | undefined {
  if (header === undefined || header.length > longestHeader) return undefined;
  const encoded = /^basic +([A-Za-z0-9+/_-]+={0,2}) *$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  // Programs written in C see the end of a password in a NUL.
  if (colon === -1 || text.includes('\0')) return undefined;
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}

function refused(message: string): RegferryError {
  return new RegferryError('E_CONFIG', message);
}
