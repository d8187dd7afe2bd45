import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runProgram } from './child.js';
import { makeSharedFolder } from './temp.js';

/** PEM files of a certificate and of its private key. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** A private certificate authority that no machine trusts, and what it has signed. */
export interface TestCertificates {
  /** PEM file of the authority's own certificate. */
  readonly ca: string;
  /** For localhost, 127.0.0.1 and registry.test. */
  readonly server: KeyPair;
  /** As `server`, but it ran out years ago. */
  readonly expired: KeyPair;
  /** For a client that is called `regferry-client`. */
  readonly client: KeyPair;
  /** Another one, for these names too. */
  serverFor(...names: readonly string[]): Promise<KeyPair>;
}

let cached: Promise<TestCertificates> | undefined;

/** The certificates of this test process, made with openssl when they are first asked for. */
export function testCertificates(): Promise<TestCertificates> {
  cached ??= makeCertificates();
  return cached;
}

// The same settings do for OpenSSL and for the LibreSSL of macOS; the machine's own openssl.cnf plays no part.
const settings = (folder: string) => `
[req]
distinguished_name = none
prompt = no
x509_extensions = authority
[none]
CN = unused
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ca]
default_ca = test
[test]
database = ${join(folder, 'database')}
serial = ${join(folder, 'serial')}
new_certs_dir = ${folder}
certificate = ${join(folder, 'ca.pem')}
private_key = ${join(folder, 'ca.key')}
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
`;

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const valid = ['-days', '2'];
const longAgo = ['-startdate', '200101000000Z', '-enddate', '210101000000Z'];

async function makeCertificates(): Promise<TestCertificates> {
  const folder = makeSharedFolder('certificates');
  const config = join(folder, 'openssl.cnf');
  const ca = join(folder, 'ca.pem');
  writeFileSync(config, settings(folder));
  writeFileSync(join(folder, 'database'), '');
  writeFileSync(join(folder, 'serial'), '1000\n');
  await runProgram('openssl', [
    ...['req', '-x509', '-config', config, ...newKey, ...valid, '-subj', '/CN=regferry test authority'],
    ...['-keyout', join(folder, 'ca.key'), '-out', ca],
  ]);

  async function issue(name: string, usage: string, days: readonly string[]): Promise<KeyPair> {
    const pair = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
    const request = join(folder, `${name}.csr`);
    const extensions = join(folder, `${name}.ext`);
    writeFileSync(extensions, `basicConstraints = CA:FALSE\n${usage}\n`);
    await runProgram('openssl', [
      ...['req', '-new', '-config', config, ...newKey, '-subj', `/CN=regferry-${name}`],
      ...['-keyout', pair.key, '-out', request],
    ]);
    await runProgram('openssl', [
      ...['ca', '-batch', '-notext', '-config', config, '-extfile', extensions, ...days],
      ...['-in', request, '-out', pair.certificate],
    ]);
    return pair;
  }

  const servedFor = (names: readonly string[]) =>
    `extendedKeyUsage = serverAuth\nsubjectAltName = ${[
      ...['localhost', 'registry.test', ...names].map((name) => `DNS:${name}`),
      'IP:127.0.0.1',
      'IP:::1',
    ].join(',')}`;
  // One after the other: openssl ca keeps a serial number and a database in files.
  const server = await issue('server', servedFor([]), valid);
  const expired = await issue('expired', servedFor([]), longAgo);
  const client = await issue('client', 'extendedKeyUsage = clientAuth', valid);
  let last: Promise<unknown> = Promise.resolve();
  let count = 0;
  return {
    ca,
    server,
    expired,
    client,
    serverFor: (...names) => {
      count += 1;
      const name = `server-${count}`;
      const issued = last.then(() => issue(name, servedFor(names), valid));
      last = issued.catch(() => undefined);
      return issued;
    },
  };
}
