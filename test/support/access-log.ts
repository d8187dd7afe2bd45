import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as pause } from 'node:timers/promises';

/** One line of a server's access log. */
export interface LoggedRequest {
  readonly method: string;
  /** As the server got it: path and query; at a proxy a whole URL, or `host:port` for CONNECT. */
  readonly url: string;
  /** `url` without its query. */
  readonly path: string;
  readonly status: number;
  /** Bytes of the answer's body. */
  readonly bytes: number;
  /** Who the server took the client for, where it asked. */
  readonly user?: string;
}

/** What every server with an access log offers to tests. */
export interface RequestLog {
  /** The requests that are in the log by now. */
  requests(): LoggedRequest[];
  /** The requests in the log once every answer that the caller has seen is in it. */
  settledRequests(): Promise<LoggedRequest[]>;
  /** Forgets what {@link settledRequests} would give now. */
  clearRequests(): Promise<void>;
}

const marker = 'regferry-marker';

/**
 * A request log over `entries`, which reads the whole log. Servers write the line about a request when they have
 * answered it, which may be a moment after the client has the answer. So settling sends marker requests of its own
 * through `send` (a path with a query) until nothing else appeared in the log between two of them.
 */
export function requestLog(
  entries: () => readonly LoggedRequest[],
  send: (path: string) => Promise<void>,
): RequestLog {
  let forgotten = 0;
  let markers = 0;
  const isMarker = (entry: LoggedRequest) => entry.url.includes(marker);
  const requests = () =>
    entries()
      .slice(forgotten)
      .filter((entry) => !isMarker(entry));

  async function mark(): Promise<number> {
    markers += 1;
    const own = `/v2/?${marker}=${markers}`;
    await send(own);
    const deadline = performance.now() + 10_000;
    while (performance.now() < deadline) {
      const index = entries().findIndex((entry) => entry.url.endsWith(own));
      if (index >= 0) return index;
      await pause(2);
    }
    throw new Error('the access log does not show a request that was answered 10 s ago');
  }

  async function settle(): Promise<number> {
    let previous = await mark();
    for (;;) {
      const next = await mark();
      if (next === previous + 1) return next;
      previous = next;
    }
  }

  return {
    requests,
    settledRequests: async () => {
      await settle();
      return requests();
    },
    clearRequests: async () => {
      forgotten = (await settle()) + 1;
    },
  };
}

/** Sends a GET on a connection of its own and drops the answer, whatever it is. Certificates are not checked. */
export function sendMarker(url: string): Promise<void> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    send(url, { agent: false, rejectUnauthorized: false }, (response) => {
      response.resume();
      response.once('close', resolve);
    })
      .once('error', reject)
      .end();
  });
}

/** The entry of a request: `url` as the server got it, `user` a dash for nobody. */
export function loggedRequest(
  method: string,
  url: string,
  status: string,
  bytes: string,
  user: string,
): LoggedRequest {
  return {
    method,
    url,
    path: url.replace(/\?.*$/, ''),
    status: Number(status),
    bytes: Number(bytes),
    ...(user === '-' ? {} : { user }),
  };
}

/** Reads log lines of the form `METHOD URL STATUS BYTES USER`; an unfinished last line is left out. */
export function parseRequestLines(text: string): LoggedRequest[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => {
    const [method = '', url = '', status = '', bytes = '', user = '-'] = line.split(' ');
    return loggedRequest(method, url, status, bytes, user);
  });
}
