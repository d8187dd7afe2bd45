import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { rootCertificates } from 'node:tls';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { certificateSource, type CertificateEnvironment } from '../../../src/api/environment-certificates.js';
import { createTransport } from '../../../src/http/transport.js';
import { testCertificates } from '../../support/certificates.js';
import { makeTempFolder, removeTempFolder } from '../../support/temp.js';

let home = '';
let warnings: string[] = [];

beforeEach(() => {
  home = makeTempFolder('certificates');
  warnings = [];
});

afterEach(() => removeTempFolder(home));

function pem(name: string, type = 'CERTIFICATE'): string {
  return `-----BEGIN ${type}-----\n${Buffer.from(name).toString('base64')}\n-----END ${type}-----`;
}

function write(path: string, content: string): string {
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

function source(more: Partial<CertificateEnvironment> = {}) {
  return certificateSource({
    env: {},
    home,
    onWarning: (message) => warnings.push(message),
    bundles: [],
    certsFolders: [join(home, 'podman'), join(home, 'docker')],
    ...more,
  });
}

/** What is trusted beyond Node's roots. */
function beyond(ca: readonly string[] | undefined): readonly string[] | undefined {
  if (ca === undefined) return undefined;
  expect(ca.slice(0, rootCertificates.length)).toEqual(rootCertificates);
  return ca.slice(rootCertificates.length);
}

describe('certificates from the environment', () => {
  it("are Node's own, without a context of ours, when there is nothing beyond them", () => {
    const [root = ''] = rootCertificates;
    const bundle = write('bundle.pem', `# a comment\n${root.replaceAll('\n', '\r\n')}`);
    expect(source({ bundles: [bundle] })('https://r.example')).toEqual({});
    expect(source()('https://r.example')).toEqual({});
  });

  it('add the first bundle of the system that exists', () => {
    const bundles = [
      join(home, 'none'),
      write('a.pem', `${pem('a')}\n${pem('b')}\n${pem('a')}`),
      write('b.pem', pem('c')),
    ];
    expect(beyond(source({ bundles })('https://r.example').ca)).toEqual([pem('a'), pem('b')]);
  });

  it('add SSL_CERT_FILE instead of it, SSL_CERT_DIR and NODE_EXTRA_CA_CERTS', () => {
    const bundles = [write('bundle.pem', pem('bundle'))];
    const env = {
      SSL_CERT_FILE: write('file.pem', pem('file')),
      SSL_CERT_DIR: `${dirname(write('dir/x.0', pem('dir')))}:${join(home, 'none')}`,
      NODE_EXTRA_CA_CERTS: write('extra.pem', pem('extra')),
    };
    expect(beyond(source({ bundles, env })('https://r.example').ca)).toEqual([
      pem('file'),
      pem('dir'),
      pem('extra'),
    ]);
    expect(warnings).toEqual([]);
  });

  it('warn of a named bundle that is not there, once', () => {
    const certificates = source({ env: { SSL_CERT_FILE: '/no-cert-file.crt' } });
    certificates('https://a.example');
    certificates('https://b.example');
    expect(warnings).toEqual([
      'SSL_CERT_FILE names /no-cert-file.crt, which cannot be read; going on without it',
    ]);
  });

  it('are not looked for where the origin is plain http', () => {
    expect(source({ env: { SSL_CERT_FILE: '/no-cert-file.crt' } })('http://r.example')).toEqual({});
    expect(warnings).toEqual([]);
  });

  it('add the authorities of the caller, and refuse a file without any', () => {
    expect(beyond(source()('https://r.example', [`${pem('a')}${pem('b')}`]).ca)).toEqual([
      pem('a'),
      pem('b'),
    ]);
    expect(() => source()('https://r.example', ['nothing'])).toThrow(/no certificate/);
  });

  it('add certs.d folders of exactly that host and port', () => {
    write('podman/r.example:5000/own.crt', pem('podman'));
    write('docker/r.example:5000/ca.crt', pem('docker'));
    write('docker/r.example/ca.crt', pem('other port'));
    write('docker/q.example:443/ca.crt', pem('spelled'));
    write('docker/docker.io/ca.crt', pem('hub'));
    const certificates = source();
    expect(beyond(certificates('https://r.example:5000').ca)).toEqual([pem('podman'), pem('docker')]);
    expect(beyond(certificates('https://r.example').ca)).toEqual([pem('other port')]);
    expect(beyond(certificates('https://q.example').ca)).toEqual([pem('spelled')]);
    expect(beyond(certificates('https://registry-1.docker.io').ca)).toEqual([pem('hub')]);
    expect(certificates('https://auth.docker.io')).toEqual({});
  });

  it('take a client pair from a certs.d folder', () => {
    write('docker/r.example/client.cert', pem('cert'));
    write('docker/r.example/client.key', pem('key', 'PRIVATE KEY'));
    write('docker/r.example/notes.txt', 'x');
    expect(source()('https://r.example')).toEqual({ cert: pem('cert'), key: pem('key', 'PRIVATE KEY') });
    expect(source()('https://other.example')).toEqual({});
  });

  it.each(['client.cert', 'client.key'])('refuse a lone %s', (name) => {
    write(`docker/r.example/${name}`, pem('x'));
    expect(() => source()('https://r.example')).toThrow(/lacks its partner client\.(cert|key)/);
    expect(source()('https://other.example')).toEqual({});
  });

  it('open the door to a server of a private authority that wants a client certificate', async () => {
    const { ca, server, client } = await testCertificates();
    const read = (file: string): string => readFileSync(file, 'utf8');
    const listening = https
      .createServer(
        { cert: read(server.certificate), key: read(server.key), ca: read(ca), requestCert: true },
        (_, response) => response.end('welcome'),
      )
      .listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const host = `localhost:${String((listening.address() as AddressInfo).port)}`;
    write(`docker/${host}/ca.crt`, read(ca));
    write(`docker/${host}/me.cert`, read(client.certificate));
    write(`docker/${host}/me.key`, read(client.key));
    const transport = createTransport({ userAgent: 'test', retries: 0, settings: source() });
    try {
      const response = await transport.send({ method: 'GET', url: `https://${host}/` });
      expect((await response.bytes(100)).toString()).toBe('welcome');
    } finally {
      await transport.close();
      listening.close();
    }
  });
});
