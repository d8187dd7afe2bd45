import { afterEach, describe, expect, it } from 'vitest';

import { isLoopbackHost, registryOrigin } from '../../../src/registry/origin.js';
import { closeAll, listen, listenRaw } from '../http/local-server.js';
import { testCertificates } from '../../support/certificates.js';
import { failureOf } from './open-repository.js';

afterEach(closeAll);

describe('a loopback host', () => {
  it.each([
    'localhost',
    'localhost:5000',
    'LOCALHOST:5000',
    'registry.localhost:5000',
    '127.0.0.1:5000',
    '127.9.8.7',
    '[::1]:5000',
    '[::1]',
    '[0:0:0:0:0:0:0:1]:5000',
    '[::ffff:127.0.0.1]:5000',
  ])('is %s', (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  it.each([
    'localhost.example.com',
    'notlocalhost:5000',
    '127.example.com',
    '127.0.0.1.example.com',
    '[::2]:5000',
    '[::]:5000',
    '0.0.0.0:5000',
    '[fe80::1]:5000',
    '10.0.0.1:5000',
    'docker.io',
    'registry.example.com:5000',
  ])('is not %s', (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});

describe('the origin of a registry', () => {
  it('is https where the host is not this machine', async () => {
    expect(await registryOrigin('registry.example.com:5000')).toBe('https://registry.example.com:5000');
    expect(await registryOrigin('Registry.example.com')).toBe('https://registry.example.com');
  });

  it('is the API host of Docker Hub', async () => {
    expect(await registryOrigin('docker.io')).toBe('https://registry-1.docker.io');
  });

  it('is http where that was asked for, without a look at the host', async () => {
    expect(await registryOrigin('registry.example.com', { plainHttp: true })).toBe(
      'http://registry.example.com',
    );
  });

  it('is http at a loopback port that does not speak TLS', async () => {
    const { port } = await listen((_request, response) => response.end());
    expect(await registryOrigin(`127.0.0.1:${port}`)).toBe(`http://127.0.0.1:${port}`);
  });

  it('is https at a loopback port with a certificate that nobody trusts', async () => {
    const { server } = await testCertificates();
    const { port } = await listen((_request, response) => response.end(), server);
    expect(await registryOrigin(`localhost:${port}`)).toBe(`https://localhost:${port}`);
  });

  it('is nothing where a loopback port refuses the connection', async () => {
    const { port } = await listenRaw(() => undefined);
    await closeAll();
    expect((await failureOf(registryOrigin(`127.0.0.1:${port}`))).code).toBe('E_NETWORK');
  });

  it('is nothing where a loopback port does not answer in time', async () => {
    const { port } = await listenRaw(() => undefined);
    const error = await failureOf(registryOrigin(`127.0.0.1:${port}`, { connectTimeoutMs: 20 }));
    expect(error.code).toBe('E_TIMEOUT');
  });
});
