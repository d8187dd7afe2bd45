import type { ServeRegistryOptions } from '../../api/serve.js';
import type { RequestEntry } from '../../serve/exchange.js';
import { type Call, command, type Command } from '../command.js';
import { formatBytes } from '../format.js';
import type { Log } from '../log.js';
import { flag, text, type Option, type Values } from '../option.js';
import { logOptions, type OutputOptions } from '../options.js';
import { parseSize } from '../quantity.js';
import { usageError } from '../usage-error.js';

/** How long running requests may take to end once the server is told to. */
const patienceMs = 10_000;

interface Address {
  readonly host: string;
  readonly port: number;
}

interface ServeValues extends Omit<OutputOptions, 'json'> {
  addr: Address;
  'read-only': boolean;
  htpasswd: string;
  'tls-cert': string;
  'tls-key': string;
  'max-size': number;
  sparse: boolean;
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
  describe: 'in memory, refuse pushes beyond this many bytes in all [2GiB]',
  placeholder: 'SIZE',
  expects: 'a size such as 500MB or 2GiB',
  parse: parseSize,
};

/** `regferry serve`: a registry over a folder of layouts or in memory, until a signal ends it. */
export const serveCommand: Command = command<ServeValues>({
  name: 'serve',
  summary: 'run a registry over a folder of OCI layouts, or in memory',
  description: [
    'Runs a registry whose repositories are the OCI image layouts in FOLDER: after regferry copy X oci:FOLDER/app:1, it has app:1, and what is pushed to it can be read as oci:FOLDER/app:1. Without FOLDER it keeps everything in memory, for demos, tests and hand-overs.',
    'Its name for references is the first line on stdout; each request is a line on stderr. SIGINT (Ctrl-C) or SIGTERM ends it, and what runs then has 10 seconds to finish.',
  ],
  arguments: { usage: '[FOLDER]', missing: [], most: 1 },
  examples: [
    ['regferry serve', 'a registry at localhost:5000 that forgets everything when it ends'],
    ['regferry serve air', 'the layouts in the folder air, as localhost:5000/…'],
    [
      'regferry serve air --addr 0.0.0.0:5000 --tls-cert cert.pem --tls-key key.pem --htpasswd users',
      'for others, with https and passwords (htpasswd -cB users ann)',
    ],
    ['regferry serve --addr 127.0.0.1:0', 'at any free port; read which from stdout'],
  ],
  options: {
    addr: addressOption,
    'read-only': flag('Command', 'refuse everything that would write'),
    htpasswd: text(
      'Command',
      'FILE',
      'a file of users and bcrypt hashes',
      'let only these users in; the passwords are bcrypt hashes (htpasswd -B)',
    ),
    'tls-cert': text(
      'Command',
      'FILE',
      'a PEM file with a certificate',
      'speak https with this certificate (PEM)',
    ),
    'tls-key': text('Command', 'FILE', 'a PEM file with a key', "the certificate's key (PEM)"),
    'max-size': maxSizeOption,
    sparse: flag('Command', 'take manifests before all that they name is there'),
    ...logOptions,
  },
  run: serveUntilSignal,
});

async function serveUntilSignal(call: Call, values: Values<ServeValues>): Promise<void> {
  const [folder] = call.args;
  checkTogether(folder, values);
  const { host, port } = values.addr ?? { host: '127.0.0.1', port: 5000 };
  const { io, log, stdout, interruption } = call;
  const api = await call.loadApi();
  const registry = await api.serve({ ...optionsOf(folder, values), ...callbacks(log), host, port });
  try {
    for (const warning of warnings(host, values)) log.write('warn', warning, { host });
    await stdout.line(registry.host);
    const what = folder === undefined ? 'a registry in memory' : `a registry over the layouts in ${folder}`;
    log.write('info', `${what} listens on ${registry.url}; end it with Ctrl-C`, { url: registry.url });
    await interruption.ended;
    log.write('info', 'stopping');
    await registry.stop(new Promise<void>((resolve) => void io.clock.after(patienceMs, resolve)));
  } finally {
    await registry.close();
  }
}

function checkTogether(folder: string | undefined, values: Values<ServeValues>): void {
  if (folder?.startsWith('oci:') === true) {
    throw usageError(
      `serve takes a folder: leave out oci:, and give ${folder.slice('oci:'.length)}`,
      'serve',
    );
  }
  if ((values['tls-cert'] === undefined) !== (values['tls-key'] === undefined)) {
    throw usageError('--tls-cert and --tls-key belong together', 'serve');
  }
  if (folder !== undefined && values['max-size'] !== undefined) {
    throw usageError('--max-size is about memory: a folder may hold what its disk holds', 'serve');
  }
}

function optionsOf(folder: string | undefined, values: Values<ServeValues>): ServeRegistryOptions {
  return {
    folder,
    maxBytes: values['max-size'],
    readOnly: values['read-only'],
    sparse: values.sparse,
    tlsCertFile: values['tls-cert'],
    tlsKeyFile: values['tls-key'],
    htpasswdFile: values.htpasswd,
  };
}

/** The access log, and what goes wrong. Headers, and so passwords, do not get here. */
function callbacks(log: Log): Pick<ServeRegistryOptions, 'onRequest' | 'onError' | 'onNote'> {
  return {
    onRequest: (entry: RequestEntry) => {
      const { method, url, status, bytesIn, bytesOut } = entry;
      const ms = Math.round(entry.ms);
      const line = `${method} ${url} ${status} ${formatBytes(bytesIn + bytesOut)} ${ms} ms`;
      log.write('info', line, { method, path: url, status, bytesIn, bytesOut, ms });
    },
    onError: (error: unknown) => {
      log.write('error', error instanceof Error ? error.message : String(error));
    },
    onNote: (message: string) => {
      log.write('warn', message);
    },
  };
}

function warnings(host: string, values: Values<ServeValues>): readonly string[] {
  if (isLoopback(host)) return [];
  const may = values['read-only'] === true ? 'read' : 'read and write';
  return [
    ...(values.htpasswd === undefined
      ? [`whoever can reach ${host} may ${may} here: there are no passwords (--htpasswd)`]
      : []),
    ...(values['tls-cert'] === undefined
      ? ['whoever is on the way can read and change what is sent: there is no TLS (--tls-cert, --tls-key)']
      : []),
  ];
}

function isLoopback(host: string): boolean {
  return host === '::1' || /^127\.(?:\d{1,3}\.){2}\d{1,3}$/.test(host) || /^(?:.+\.)?localhost$/i.test(host);
}
