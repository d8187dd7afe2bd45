import type { Socket } from 'node:net';

import type { buildConnector } from 'undici';

type Connector = buildConnector.connector;
type Callback = Parameters<Connector>[1];

/**
 * Connections to one origin that are opened before they are needed, so that a burst of requests does not begin with a
 * round trip (two with TLS) of handshakes. Whoever connects next gets one of them.
 */
export class WarmSockets {
  readonly #connect: Connector;
  readonly #options: Parameters<Connector>[0];
  readonly #ready: Socket[] = [];
  readonly #waiting: Callback[] = [];
  #coming = 0;

  constructor(origin: string, connect: Connector) {
    const { hostname, host, protocol, port } = new URL(origin);
    this.#connect = connect;
    this.#options = { hostname, host, protocol, port };
  }

  /** Sees to it that `count` connections are open, or on their way, for requests to come. */
  open(count: number): void {
    while (this.#ready.length + this.#coming - this.#waiting.length < count) {
      this.#coming += 1;
      this.#connect(this.#options, (...result) => this.#arrived(result));
    }
  }

  /** Hands out a connection that was opened early, or opens one. */
  readonly connector: Connector = (options, callback) => {
    const socket = this.#ready.shift();
    // Not before the caller is done with its own turn: undici forgets to send on a connection that is there at once.
    if (socket !== undefined) setImmediate(() => this.#hand(socket, options, callback));
    else if (this.#coming > this.#waiting.length) this.#waiting.push(callback);
    else this.#connect(options, callback);
  };

  #hand(socket: Socket, options: Parameters<Connector>[0], callback: Callback): void {
    if (socket.destroyed) this.#connect(options, callback);
    else callback(null, socket);
  }

  #arrived(result: Parameters<Callback>): void {
    this.#coming -= 1;
    const callback = this.#waiting.shift();
    if (callback !== undefined) {
      callback(...result);
      return;
    }
    // Nobody waits: a failure will come again for whoever asks, a connection is kept until the server ends it.
    const [, socket] = result;
    if (result[0] !== null || socket === null) return;
    this.#ready.push(socket);
    socket.once('close', () => {
      const at = this.#ready.indexOf(socket);
      if (at >= 0) this.#ready.splice(at, 1);
    });
  }
}
