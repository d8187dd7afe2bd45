import { usageError } from '../usage-error.js';
import { type Call, command, type Command } from '../command.js';
import { formatBytes } from '../format.js';
import type { Option } from '../option.js';
import { logOptions, type OutputOptions } from '../options.js';
import { parseSize } from '../quantity.js';

interface Address {
  readonly host: string;
  readonly port: number;
}

interface ServeValues extends Omit<OutputOptions, 'json'> {
  addr: Address;
  'max-size': number;
}

const addressOption: Option<Address> = {
  kind: 'value',
  group: 'Command',
  describe: 'where to listen; port 0 is any free one [127.0.0.1:5000]',
  placeholder: 'HOST:PORT',
  expects: 'HOST:PORT such as 127.0.0.1:5000, [::1]:5000 or 0.0.0.0:0',
  parse: (given) => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(given);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3]);
    return host === undefined || port > 65_535 ? undefined : { host, port };
  },
};

const maxSizeOption: Option<number> = {
  kind: 'value',
  group: 'Command',
  describe: 'refuse pushes beyond this many bytes in all [no limit]',
  placeholder: 'SIZE',
  expects: 'a size such as 500MB or 2GiB',
  parse: parseSize,
};

/** `regferry serve`: a registry in memory, until a signal ends it. */
export const serveCommand: Command = command<ServeValues>({
  name: 'serve',
  summary: 'run a registry in memory',
  description: [
    'Runs a registry that keeps everything in memory and speaks http, for demos, tests and hand-overs. It has no passwords: whoever reaches it may read and write. Its name for references is the first line on stdout.',
    'SIGINT (Ctrl-C) or SIGTERM ends it, and all that it holds is gone.',
  ],
  arguments: { usage: '', missing: [], most: 1 },
  examples: [
    ['regferry serve', 'a registry at localhost:5000'],
    ['regferry serve --addr 127.0.0.1:0', 'at any free port; read which from stdout'],
  ],
  options: { addr: addressOption, 'max-size': maxSizeOption, ...logOptions },
  run: serveUntilSignal,
});

async function serveUntilSignal(
  call: Call,
  values: { readonly addr?: Address; readonly 'max-size'?: number },
): Promise<void> {
  if (call.args.length > 0) {
    throw usageError('serving a folder is not there yet: leave it out for a registry in memory', 'serve');
  }
  const { host, port } = values.addr ?? { host: '127.0.0.1', port: 5000 };
  const { log, stdout, interruption } = call;
  const api = await call.loadApi();
  const registry = await api.serve({
    host,
    port,
    maxBytes: values['max-size'],
    signal: interruption.signal,
    onRequest: ({ method, url, status, bytesIn, bytesOut }) => {
      const moved = `in ${formatBytes(bytesIn)}, out ${formatBytes(bytesOut)}`;
      log.write('debug', `${method} ${url} ${status} (${moved})`, { method, url, status, bytesIn, bytesOut });
    },
  });
  try {
    if (!isLoopback(host)) {
      const message = `whoever can reach ${host} may read and write here: there are no passwords`;
      log.write('warn', message, { host });
    }
    await stdout.line(registry.host);
    log.write('info', `a registry in memory listens on ${registry.url}; end it with Ctrl-C`, {
      url: registry.url,
    });
    await interruption.ended;
  } finally {
    await registry.close();
  }
}

function isLoopback(host: string): boolean {
  return host === '::1' || /^127\.(?:\d{1,3}\.){2}\d{1,3}$/.test(host) || /^(?:.+\.)?localhost$/i.test(host);
}
