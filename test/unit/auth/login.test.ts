import {
  existsSync,
  lstatSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { CredentialHelper } from '../../../src/auth/credential-helper.js';
import { checkLogin, removeLogin, storeLogin, type LoginFile } from '../../../src/auth/login.js';
import { Secret } from '../../../src/auth/secret.js';
import { RegferryError } from '../../../src/errors.js';
import { makeTempFolder, removeTempFolder } from '../../support/temp.js';
import { fakeHttp, type FakeAnswer, type FakeHttp } from './fake-http.js';

const login = { username: 'me', password: new Secret('p:w') };
const auth = Buffer.from('me:p:w').toString('base64');

let folder = '';
let calls: string[] = [];
let file: LoginFile = { path: '', label: '' };

beforeEach(() => {
  folder = makeTempFolder('login');
  calls = [];
  const helper = (suffix: string): CredentialHelper => ({
    get: () => Promise.resolve(undefined),
    store: (url, { username, secret }) => {
      calls.push(`${suffix} store ${url} ${username.reveal()} ${secret.reveal()}`);
      return Promise.resolve();
    },
    erase: (url) => {
      calls.push(`${suffix} erase ${url}`);
      return Promise.resolve(true);
    },
  });
  file = { path: join(folder, 'docker', 'config.json'), label: '~/config.json', helper };
});

afterEach(() => removeTempFolder(folder));

function given(content: unknown): void {
  file = { ...file, path: join(folder, 'config.json') };
  writeFileSync(file.path, typeof content === 'string' ? content : JSON.stringify(content));
}

function stored(): unknown {
  return JSON.parse(readFileSync(file.path, 'utf8'));
}

describe('storeLogin', () => {
  it('makes the file and its folder, for the owner alone, formatted as docker does', async () => {
    expect(await storeLogin(file, 'r.example:5000', login)).toEqual({ kind: 'file', label: '~/config.json' });
    expect(readFileSync(file.path, 'utf8')).toBe(
      `{\n\t"auths": {\n\t\t"r.example:5000": {\n\t\t\t"auth": "${auth}"\n\t\t}\n\t}\n}\n`,
    );
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'docker'))).toEqual(['config.json']);
  });

  it('keeps everything else in the file, in its order', async () => {
    given(
      '{"HttpHeaders":{"X":"y"},"auths":{"a":{"auth":"YTpi","email":"e"},"r/ns":{"auth":"bjpz"}},"__proto__":{"x":1},"z":[1.5,null]}',
    );
    await storeLogin(file, 'r', login);
    expect(readFileSync(file.path, 'utf8').replace(/\s/g, '')).toBe(
      `{"HttpHeaders":{"X":"y"},"auths":{"a":{"auth":"YTpi","email":"e"},"r/ns":{"auth":"bjpz"},"r":{"auth":"${auth}"}},"__proto__":{"x":1},"z":[1.5,null]}`,
    );
  });

  it('narrows the mode of a file that all could read', async () => {
    given({});
    await storeLogin(file, 'r', login);
    expect(statSync(file.path).mode & 0o777).toBe(0o600);
  });

  it('replaces the login of the same registry under whatever name', async () => {
    given({ auths: { 'docker.io': { auth: 'b2xk' }, 'index.docker.io': {} } });
    await storeLogin(file, 'docker.io', login);
    expect(stored()).toEqual({ auths: { 'https://index.docker.io/v1/': { auth } } });
  });

  it('gives the secret to the helper that is configured, and leaves only a mark in the file', async () => {
    given({ credsStore: 'store', credHelpers: { 'h.example': 'own' }, auths: { r: { auth: 'b2xk' } } });
    expect(await storeLogin(file, 'r', login)).toEqual({
      kind: 'helper',
      helper: 'docker-credential-store',
      label: '~/config.json',
    });
    await storeLogin(file, 'h.example', login);
    await storeLogin(file, 'docker.io', login);
    expect(calls).toEqual([
      'store store r me p:w',
      'own store h.example me p:w',
      'store store https://index.docker.io/v1/ me p:w',
    ]);
    expect(stored()).toMatchObject({ auths: { r: {}, 'h.example': {}, 'https://index.docker.io/v1/': {} } });
    expect(readFileSync(file.path, 'utf8')).not.toContain('b2xk');
  });

  it('changes nothing when the helper fails', async () => {
    given({ credsStore: 'store' });
    const failing = (): Promise<never> => Promise.reject(new RegferryError('E_CREDENTIAL_HELPER', 'locked'));
    const helper = (): CredentialHelper => ({ get: failing, store: failing, erase: failing });
    await expect(storeLogin({ ...file, helper }, 'r', login)).rejects.toThrow('locked');
    expect(stored()).toEqual({ credsStore: 'store' });
  });

  it('writes through a symbolic link', async () => {
    given({ a: 1 });
    const link = join(folder, 'link.json');
    symlinkSync(file.path, link);
    await storeLogin({ ...file, path: link }, 'r', login);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(stored()).toMatchObject({ a: 1, auths: { r: { auth } } });
  });

  it('refuses a broken file and leaves it as it is', async () => {
    given('{"auths": canary');
    await expect(storeLogin(file, 'r', login)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: '~/config.json is not valid JSON',
    });
    expect(readFileSync(file.path, 'utf8')).toBe('{"auths": canary');
  });

  it('says when the file cannot be written', async () => {
    writeFileSync(join(folder, 'blocked'), '');
    const blocked = { ...file, path: join(folder, 'blocked', 'config.json') };
    await expect(storeLogin(blocked, 'r', login)).rejects.toMatchObject({ code: 'E_IO' });
  });

  it.skipIf(!existsSync('/proc/self'))('ends where no folder can be made for the file', async () => {
    const nowhere = { ...file, path: '/proc/.docker/config.json' };
    await expect(storeLogin(nowhere, 'r', login)).rejects.toMatchObject({ code: 'E_IO' });
  });
});

describe('removeLogin', () => {
  it('removes every name of that registry and nothing else', async () => {
    given({ auths: { 'https://r/v1/': { auth }, r: {}, 'r:5000': { auth }, 'r/ns': { auth } }, x: 1 });
    expect(await removeLogin(file, 'r')).toBe(true);
    expect(stored()).toEqual({ auths: { 'r:5000': { auth }, 'r/ns': { auth } }, x: 1 });
  });

  it('erases from the helper', async () => {
    given({ credsStore: 'store', auths: { r: {} } });
    expect(await removeLogin(file, 'r')).toBe(true);
    expect(calls).toEqual(['store erase r']);
    expect(stored()).toEqual({ credsStore: 'store', auths: {} });
  });

  it('removes other spellings of the registry, and erases them from the helper', async () => {
    given({ credsStore: 'store', auths: { '[::1]:5000': {}, '[::1]:5001': {} } });
    expect(await removeLogin(file, '[0:0:0:0:0:0:0:1]:5000')).toBe(true);
    expect(calls).toEqual(['store erase [0:0:0:0:0:0:0:1]:5000', 'store erase [::1]:5000']);
    expect(stored()).toEqual({ credsStore: 'store', auths: { '[::1]:5001': {} } });
  });

  it('is false and writes nothing when there was no login', async () => {
    expect(await removeLogin(file, 'r')).toBe(false);
    expect(existsSync(file.path)).toBe(false);
  });
});

describe('checkLogin', () => {
  const basic = { status: 401, headers: { 'www-authenticate': 'Basic realm="r"' } };

  function check(http: FakeHttp): Promise<string> {
    return checkLogin({ registry: 'r.example', origin: 'https://r.example', http }, login);
  }

  function answers(...list: FakeAnswer[]): FakeHttp {
    let next = 0;
    return fakeHttp(() => list[next++] ?? { status: 500 });
  }

  it('accepts what the registry accepts', async () => {
    const http = answers(basic, { status: 200 });
    expect(await check(http)).toBe('accepted');
    expect(http.seen.map(({ url, authorization }) => [url, authorization])).toEqual([
      ['https://r.example/v2/', undefined],
      ['https://r.example/v2/', `Basic ${auth}`],
    ]);
  });

  it('cannot tell where nobody has to log in', async () => {
    expect(await check(answers({ status: 200 }))).toBe('unchecked');
  });

  const page = { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } };
  const own = { 'docker-distribution-api-version': 'registry/2.0' };

  it.each<[string, string, FakeAnswer[]]>([
    ['a web page', 'E_NOT_A_REGISTRY', [page]],
    ['a web page after the login', 'E_NOT_A_REGISTRY', [basic, page]],
    ['404', 'E_NOT_A_REGISTRY', [{ status: 404 }]],
    ['400', 'E_NOT_A_REGISTRY', [{ status: 400 }]],
    ['404, from a registry', 'E_NOT_FOUND', [{ status: 404, headers: own }]],
    ['403', 'E_DENIED', [{ status: 403 }]],
    ['500', 'E_UNAVAILABLE', [{ status: 500 }]],
  ])('is no success where the answer is %s', async (_, code, list) => {
    const error: unknown = await check(answers(...list)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(/; nothing was stored$/) as string });
  });

  it.each<[string, FakeAnswer[]]>([
    ['the registry', [basic, basic]],
    [
      'the token service',
      [{ status: 401, headers: { 'www-authenticate': 'Bearer realm="/token"' } }, { status: 401 }],
    ],
  ])('refuses what %s refuses', async (_, list) => {
    await expect(check(answers(...list))).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      message: 'r.example does not accept this user name and password (401); nothing was stored',
    });
  });

  it('keeps other reasons apart from a wrong password', async () => {
    const negotiate = { status: 401, headers: { 'www-authenticate': 'Negotiate' } };
    await expect(check(answers(negotiate, negotiate))).rejects.toThrow(/offers only ways to log in/);
    await expect(check(answers(basic, { status: 503 }))).rejects.toMatchObject({ code: 'E_UNAVAILABLE' });
  });
});
