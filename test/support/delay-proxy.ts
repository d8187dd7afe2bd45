import { connect, createServer, type Socket } from 'node:net';

/** Where a delay proxy leads, and how far away that should seem. */
export interface DelayProxyOptions {
  /** Port of 127.0.0.1 that it leads to. */
  readonly port: number;
  /** Milliseconds from a byte to the answer to it. @default 50 */
  readonly roundTripMs?: number;
}

/** A TCP proxy that makes a server on this machine seem far away. */
export interface DelayProxy {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly port: number;
  /** Connections that clients have opened so far. */
  connections(): number;
  /** Connections that are open now. */
  open(): number;
  stop(): Promise<void>;
}

/**
 * Starts a proxy that hands on every byte half a round trip late, in order, each way. A new connection costs one round
 * trip more before its first byte leaves, as a TCP handshake would. Bandwidth is not limited.
 */
export async function startDelayProxy({ port, roundTripMs = 50 }: DelayProxyOptions): Promise<DelayProxy> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let open = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    connections += 1;
    open += 1;
    const upstream = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    for (const socket of [client, upstream]) sockets.add(socket);
    client.once('close', () => {
      open -= 1;
    });
    const established = performance.now() + roundTripMs;
    delayed(client, upstream, roundTripMs / 2, established);
    delayed(upstream, client, roundTripMs / 2, established);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');

  function delayed(from: Socket, to: Socket, delayMs: number, notBefore: number): void {
    forwardLate(from, to, delayMs, notBefore);
    from.once('close', () => sockets.delete(from));
  }

  return {
    host: `127.0.0.1:${address.port}`,
    port: address.port,
    connections: () => connections,
    open: () => open,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Bytes that may be under way in one direction before the sender is held back: 640 MB/s at 50 ms. */
const window = 16 * 1024 * 1024;

/** What travels: bytes, the end of the stream, or a reset. */
type Parcel = Buffer | 'end' | 'reset';

function forwardLate(from: Socket, to: Socket, delayMs: number, notBefore: number): void {
  const queue: { readonly due: number; readonly parcel: Parcel }[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let blocked = false;
  let gone = false;

  const send = (parcel: Parcel) => {
    if (gone) return;
    queue.push({ due: Math.max(performance.now(), notBefore) + delayMs, parcel });
    if (typeof parcel !== 'string') bytes += parcel.length;
    if (bytes > window) from.pause();
    deliver();
  };

  const deliver = () => {
    clearTimeout(timer);
    for (let next = queue[0]; next !== undefined && !blocked; next = queue[0]) {
      const wait = next.due - performance.now();
      if (wait > 0) {
        timer = setTimeout(deliver, Math.ceil(wait));
        return;
      }
      queue.shift();
      hand(next.parcel);
    }
  };

  const hand = (parcel: Parcel) => {
    if (parcel === 'end') to.end();
    else if (parcel === 'reset') to.resetAndDestroy();
    else {
      bytes -= parcel.length;
      blocked = !to.write(parcel);
      if (bytes <= window) from.resume();
    }
  };

  from.on('data', send);
  from.once('end', () => send('end'));
  from.on('error', () => send('reset'));
  to.on('drain', () => {
    blocked = false;
    deliver();
  });
  to.once('close', () => {
    gone = true;
    queue.length = 0;
    clearTimeout(timer);
    // What still comes is dropped; the other direction tells `from` what became of its peer.
    from.resume();
  });
}
