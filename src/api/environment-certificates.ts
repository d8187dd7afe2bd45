import { readFileSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { rootCertificates } from 'node:tls';

import { fileReason } from '../content/file-error.js';
import { RegferryError } from '../errors.js';
import type { OriginSettings } from '../http/connections.js';
import { registryHost } from '../auth/registry-key.js';
import { configFolder } from './environment-home.js';

/** Certificates for one origin; without `ca` Node's roots count. */
export type Certificates = Pick<OriginSettings, 'ca' | 'cert' | 'key'>;

/** The environment, as far as certificates go. */
export interface CertificateEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string | undefined;
  readonly onWarning: (message: string) => void;
  /** Where the system keeps its bundle; the first that exists counts. @default the usual places */
  readonly bundles?: readonly string[] | undefined;
  /** Folders of `host[:port]` folders. @default podman's and docker's */
  readonly certsFolders?: readonly string[] | undefined;
}

const usualBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * Finds the certificates for an origin: Node's roots with the system's bundle (SSL_CERT_FILE, SSL_CERT_DIR),
 * NODE_EXTRA_CA_CERTS, certs.d folders and the authorities that the caller adds (PEM). Without anything beyond Node's
 * roots `ca` stays unset, which saves building a context of our own; the bundle is read once, for the first https origin.
 * The result throws E_CONFIG when a certs.d folder cannot be used, such as a client certificate without its key.
 */
export function certificateSource(
  environment: CertificateEnvironment,
): (origin: string, ca?: readonly string[]) => Certificates {
  let shared: readonly string[] | undefined;
  const folders = environment.certsFolders ?? certsFolders(environment.env, environment.home);
  return (origin, ca = []) => {
    const { protocol, host } = new URL(origin);
    if (protocol !== 'https:') return {};
    shared ??= beyondNodesRoots(systemCertificates(environment));
    const found = readCertsFolders(folders, host);
    const extra = [...shared, ...beyondNodesRoots([...found.authorities, ...ca.flatMap(splitNamed)])];
    return { ...(extra.length === 0 ? {} : { ca: [...rootCertificates, ...extra] }), ...found.client };
  };
}

function systemCertificates({ env, onWarning, bundles = usualBundles }: CertificateEnvironment): string[] {
  const certificates: string[] = [];
  const namedFile = env['SSL_CERT_FILE'];
  if (namedFile) certificates.push(...readOrWarn('SSL_CERT_FILE', namedFile, onWarning));
  else certificates.push(...splitPem(bundles.map(readIfThere).find((text) => text !== undefined) ?? ''));
  for (const folder of env['SSL_CERT_DIR']?.split(delimiter) ?? []) {
    for (const name of listIfThere(folder))
      certificates.push(...splitPem(readIfThere(join(folder, name)) ?? ''));
  }
  const extra = env['NODE_EXTRA_CA_CERTS'];
  if (extra) certificates.push(...readOrWarn('NODE_EXTRA_CA_CERTS', extra, onWarning));
  return certificates;
}

/** Build systems set these to files that do not exist, so that is no error. */
function readOrWarn(variable: string, path: string, onWarning: (message: string) => void): string[] {
  const text = readIfThere(path);
  if (text === undefined) onWarning(`${variable} names ${path}, which cannot be read; going on without it`);
  return splitPem(text ?? '');
}

let nodesRoots: ReadonlySet<string> | undefined;

function beyondNodesRoots(certificates: readonly string[]): string[] {
  if (certificates.length === 0) return [];
  nodesRoots ??= new Set(rootCertificates.map(pemBody));
  const seen = new Set(nodesRoots);
  return certificates.filter((certificate) => {
    const body = pemBody(certificate);
    const known = seen.has(body);
    seen.add(body);
    return !known;
  });
}

function pemBody(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s+/g, '');
}

/** One string a certificate, since Node stops reading a string at the first one that is broken. */
function splitPem(text: string): string[] {
  return text.match(/-----BEGIN (?:X509 )?CERTIFICATE-----[^-]+-----END (?:X509 )?CERTIFICATE-----/g) ?? [];
}

function splitNamed(text: string): string[] {
  const certificates = splitPem(text);
  if (certificates.length === 0) {
    throw new RegferryError('E_CONFIG', 'the file of certificate authorities holds no certificate (PEM)');
  }
  return certificates;
}

function readAuthorities(path: string): string[] {
  const certificates = splitPem(readNamed(path));
  if (certificates.length === 0) throw new RegferryError('E_CONFIG', `${path} holds no certificate (PEM)`);
  return certificates;
}

function certsFolders(env: CertificateEnvironment['env'], home: string | undefined): string[] {
  if (process.platform === 'win32') return [join(env['PROGRAMDATA'] ?? '', 'docker', 'certs.d')];
  const config = configFolder(env, home);
  return ['containers', 'docker'].flatMap((program) => [
    ...(config === undefined ? [] : [join(config, program, 'certs.d')]),
    join('/etc', program, 'certs.d'),
  ]);
}

interface FoundCertificates {
  readonly authorities: readonly string[];
  readonly client?: { readonly cert: string; readonly key: string };
}

/** `*.crt` are authorities; `*.cert` with the `*.key` of the same name are a client certificate, of which the first counts. */
function readCertsFolders(folders: readonly string[], host: string): FoundCertificates {
  const authorities: string[] = [];
  let client: FoundCertificates['client'];
  for (const folder of folders.flatMap((root) => hostFolders(root, host))) {
    const names = listIfThere(folder);
    for (const name of names) {
      const path = join(folder, name);
      if (name.endsWith('.crt')) authorities.push(...readAuthorities(path));
      const partner = partnerOf(name);
      if (partner === undefined) continue;
      if (!names.includes(partner))
        throw new RegferryError('E_CONFIG', `${path} lacks its partner ${partner}`);
      if (name.endsWith('.cert')) client ??= { cert: readNamed(path), key: readNamed(join(folder, partner)) };
    }
  }
  return { authorities, ...(client === undefined ? {} : { client }) };
}

function partnerOf(name: string): string | undefined {
  if (name.endsWith('.cert')) return `${name.slice(0, -'.cert'.length)}.key`;
  return name.endsWith('.key') ? `${name.slice(0, -'.key'.length)}.cert` : undefined;
}

/** An origin does not tell whether its port was spelled, nor by which name Docker Hub was called. */
function hostFolders(root: string, host: string): string[] {
  const names = host.includes(':') && !host.endsWith(']') ? [host] : [host, `${host}:443`];
  if (registryHost(host) === 'docker.io') names.push('docker.io');
  return names.map((name) => join(root, process.platform === 'win32' ? name.replaceAll(':', '') : name));
}

function listIfThere(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readNamed(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new RegferryError('E_CONFIG', `${path} cannot be read: ${fileReason(error)}`, { cause: error });
  }
}
