import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** What a client sees of an answer, byte for byte. */
export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection has closed, with the way in which the server ended it. */
  readonly ended: Promise<'fin' | 'rst'>;
  #received: Buffer = Buffer.alloc(0);
  #isReset = false;

  constructor(url: string) {
    this.socket = connect(Number(new URL(url).port), '127.0.0.1');
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    this.socket.on('error', () => {
      this.#isReset = true;
    });
    this.ended = new Promise((resolve) => {
      this.socket.once('close', () => resolve(this.#isReset ? 'rst' : 'fin'));
    });
  }

  /** Sends a request; the length is declared, whether so many bytes follow or not. */
  send(method: string, path: string, body: Buffer = Buffer.alloc(0), length: number = body.length): this {
    this.socket.write(`${method} ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n`);
    if (body.length > 0) this.socket.write(body);
    return this;
  }

  get head(): string {
    return this.#received.subarray(0, this.#bodyAt()).toString('latin1').toLowerCase();
  }

  get body(): Buffer {
    return this.#received.subarray(this.#bodyAt());
  }

  get status(): number {
    return Number(/^http\/1\.1 (\d+)/.exec(this.head)?.[1] ?? 0);
  }

  /** Waits until so many bytes of a body have come. */
  async bodyOf(bytes: number): Promise<Buffer> {
    while (this.head === '' || this.body.length < bytes) {
      await new Promise((resolve) => this.socket.once('data', resolve));
    }
    return this.body;
  }

  /** Waits until what has come, head and body, matches. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#received.toString('latin1'))) {
      await new Promise((resolve) => this.socket.once('data', resolve));
    }
  }

  close(): void {
    this.socket.destroy();
  }

  #bodyAt(): number {
    const end = this.#received.indexOf('\r\n\r\n');
    return end === -1 ? this.#received.length : end + 4;
  }
}
