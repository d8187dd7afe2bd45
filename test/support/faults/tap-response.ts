import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';

/** Status and headers of an answer. Header names are in lower case. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
}

/** A whole answer. */
export interface Answer extends ResponseHead {
  readonly body: Buffer;
}

/** What to put between the handler and the connection. */
export interface ResponseTap {
  readonly head?: (head: ResponseHead) => ResponseHead;
  /** Gets what the handler writes, gives what is sent, as fast as the client takes it. */
  readonly body?: (chunks: AsyncIterable<Buffer>) => AsyncIterable<Buffer>;
  /** Runs when all that `body` gave was sent. @default ends the answer */
  readonly end?: (end: () => void) => void;
}

/** Puts a filter between the handler and the connection. Taps can be stacked; the one that came last is nearest to the handler. */
export function tapResponse(response: ServerResponse, tap: ResponseTap): void {
  const written = new PassThrough();
  const write = response.write.bind(response);
  const end = response.end.bind(response);
  const pump = async (): Promise<void> => {
    for await (const chunk of tap.body?.(written) ?? written) {
      await new Promise<void>((resolve) => {
        response.once('close', resolve);
        write(chunk as Buffer, () => {
          response.off('close', resolve);
          resolve();
        });
      });
    }
    const finish = (): void => void end();
    if (tap.end === undefined) finish();
    else tap.end(finish);
  };
  written.on('drain', () => response.emit('drain'));
  intercept(response, {
    head: (head, send) => {
      send(tap.head?.(head) ?? head);
      pump().catch(() => response.destroy());
    },
    write: (chunk, flushed) => written.write(chunk, flushed),
    end: () => void written.end(),
  });
}

/** Collects the whole answer and sends what `rewrite` makes of it; undefined sends nothing at all. */
export function rewriteResponse(
  response: ServerResponse,
  rewrite: (answer: Answer) => Answer | undefined,
): void {
  const end = response.end.bind(response);
  const chunks: Buffer[] = [];
  let held: { head: ResponseHead; send: (head: ResponseHead) => void } | undefined;
  intercept(response, {
    head: (head, send) => {
      held = { head, send };
    },
    write: (chunk, flushed) => {
      chunks.push(chunk);
      process.nextTick(flushed);
      return true;
    },
    end: () => {
      if (held === undefined) return;
      const answer = rewrite({ ...held.head, body: Buffer.concat(chunks) });
      if (answer === undefined) return;
      held.send(answer);
      end(answer.body);
    },
  });
}

/** Resolves when the connection of this answer has closed. */
export function closed(response: ServerResponse): Promise<void> {
  if (response.closed || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => response.once('close', resolve));
}

interface Interceptor {
  /** Called once, before anything else; `send` hands the head on. */
  head(head: ResponseHead, send: (head: ResponseHead) => void): void;
  write(chunk: Buffer, flushed: () => void): boolean;
  end(): void;
}

/** Takes over the methods by which a handler answers. */
function intercept(response: ServerResponse, interceptor: Interceptor): void {
  const writeHead = response.writeHead.bind(response);
  let headed = false;
  const needHead = (status: number, headers: OutgoingHttpHeaders): void => {
    if (headed) return;
    headed = true;
    const all = { ...response.getHeaders(), ...lowerCased(headers) };
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    interceptor.head({ status, headers: all }, (head) => {
      writeHead(head.status, head.headers);
    });
  };
  const write = (chunk: unknown, ...rest: readonly unknown[]): boolean => {
    needHead(response.statusCode, {});
    return interceptor.write(Buffer.from(chunk as string | Buffer), callbackOf(rest));
  };
  Object.assign(response, {
    writeHead: (status: number, ...rest: readonly unknown[]) => {
      needHead(status, (rest.find((part) => typeof part === 'object') ?? {}) as OutgoingHttpHeaders);
      return response;
    },
    write,
    end: (...args: readonly unknown[]) => {
      const [chunk] = args;
      if (typeof chunk === 'string' || chunk instanceof Uint8Array) write(chunk);
      response.once('finish', callbackOf(args));
      needHead(response.statusCode, {});
      interceptor.end();
      return response;
    },
  });
}

function callbackOf(args: readonly unknown[]): () => void {
  const callback = args.find((argument) => typeof argument === 'function');
  return (callback as (() => void) | undefined) ?? (() => undefined);
}

function lowerCased(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
