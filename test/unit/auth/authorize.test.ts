import { inspect } from 'node:util';

import { describe, expect, it, vi } from 'vitest';

import { createAuthorizer } from '../../../src/auth/authorize.js';
import type { AuthorizerOptions } from '../../../src/auth/authorizer-options.js';
import type { AccessRequest, Authorizer, Scope } from '../../../src/auth/authorizer.js';
import {
  basicCredential,
  bearerCredential,
  identityCredential,
  staticCredentials,
  type Credential,
} from '../../../src/auth/credentials.js';
import { fakeHeaders, fakeHttp, type FakeAnswer, type FakeHttp, type SeenRequest } from './fake-http.js';

const origin = 'https://r.example';
const me = basicCredential('me', 'canary-password', '~/.docker/config.json (auths)');
const bearer = 'Bearer realm="https://auth.example/token",service="r"';

function pull(repository: string): Scope {
  return { repository, actions: ['pull'] };
}

function push(repository: string): Scope {
  return { repository, actions: ['pull', 'push'] };
}

function access(...scopes: Scope[]): AccessRequest {
  return { origin, scopes };
}

function header(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Numbers its tokens: t1, t2, … */
function tokenServer(answer: (seen: SeenRequest, number: number) => FakeAnswer = () => ({})): FakeHttp {
  let issued = 0;
  return fakeHttp((seen) => {
    issued += 1;
    return { body: { token: `t${issued}`, expires_in: 100 }, ...answer(seen, issued) };
  });
}

function scopesAsked(http: FakeHttp): string[] {
  return http.seen.map(({ url }) => new URL(url).searchParams.getAll('scope').join(' '));
}

function authorizer(
  http: FakeHttp,
  credential?: Credential,
  more: Partial<AuthorizerOptions> = {},
): Authorizer {
  return createAuthorizer({
    registry: 'r.example',
    http,
    credentials: staticCredentials(credential),
    ...more,
  });
}

/** One call as the registry client makes it. Tells which headers were sent until one was accepted. */
async function call(
  auth: Authorizer,
  request: AccessRequest,
  registry: (sent: string | undefined) => readonly string[] | undefined,
): Promise<(string | undefined)[]> {
  const first = await auth.authorization(request);
  const challenge = registry(first);
  if (challenge === undefined) return [first];
  const second = await auth.challenged(request, fakeHeaders({ 'www-authenticate': challenge }), first);
  if (registry(second) === undefined) return [first, second];
  const third = await auth.narrower?.(request, second);
  if (third !== undefined && registry(third) === undefined) return [first, second, third];
  throw auth.refused(request, third ?? second);
}

/** A registry that wants a token; `accepts` says which. */
function wants(accepts: (sent: string) => boolean = () => true, challenge: readonly string[] = [bearer]) {
  return (sent: string | undefined): readonly string[] | undefined =>
    sent !== undefined && accepts(sent) ? undefined : challenge;
}

describe('an authorizer', () => {
  it('sends nothing before it is challenged', async () => {
    const http = tokenServer();
    expect(await authorizer(http, me).authorization(access(pull('app')))).toBeUndefined();
    expect(http.seen).toEqual([]);
  });

  it('sends Basic only after a Basic challenge of that origin', async () => {
    const auth = authorizer(tokenServer(), me);
    const basic = wants(undefined, ['Basic realm="r"']);
    expect(await call(auth, access(pull('app')), basic)).toEqual([
      undefined,
      header('me', 'canary-password'),
    ]);
    expect(await call(auth, access(pull('app')), basic)).toEqual([header('me', 'canary-password')]);
    expect(await auth.authorization({ origin: 'https://other.example', scopes: [] })).toBeUndefined();
  });

  it('gets a token without credentials for a public image', async () => {
    const http = tokenServer();
    expect(await call(authorizer(http), access(pull('app')), wants())).toEqual([undefined, 'Bearer t1']);
    expect(http.seen).toMatchObject([{ authorization: undefined }]);
  });

  it('prefers Bearer where both are offered, in one line or two', async () => {
    for (const challenge of [['Basic realm="x"', bearer], [`Basic realm="x", ${bearer}`]]) {
      const sent = await call(
        authorizer(tokenServer(), me),
        access(pull('app')),
        wants(undefined, challenge),
      );
      expect(sent[1]).toBe('Bearer t1');
    }
  });

  it('sends a registry token as it is, asking no token service', async () => {
    const http = tokenServer();
    const auth = authorizer(http, bearerCredential('own', 'test'));
    expect(await call(auth, access(pull('app')), wants())).toEqual([undefined, 'Bearer own']);
    expect(await call(auth, access(pull('app')), wants())).toEqual(['Bearer own']);
    expect(http.seen).toEqual([]);
  });

  it('posts an identity token', async () => {
    const http = tokenServer();
    await call(authorizer(http, identityCredential('idt', 'test')), access(pull('app')), wants());
    expect(http.seen).toMatchObject([{ method: 'POST' }]);
  });

  it('asks /v2/ for the challenge when a 401 has none, once', async () => {
    const http = fakeHttp(({ url }) =>
      url === `${origin}/v2/`
        ? { status: 401, headers: { 'www-authenticate': bearer } }
        : { body: { token: 't' } },
    );
    const auth = authorizer(http);
    const bare = (sent: string | undefined): readonly string[] | undefined =>
      sent === undefined ? [] : undefined;
    await Promise.all([call(auth, access(pull('a')), bare), call(auth, access(pull('a')), bare)]);
    expect(http.seen.map(({ url }) => new URL(url).pathname)).toEqual(['/v2/', '/token']);
  });

  it('says so when there is no way in that it knows', async () => {
    const http = fakeHttp(() => ({ status: 401 }));
    await expect(
      call(authorizer(http, me), access(pull('a')), wants(undefined, ['Negotiate'])),
    ).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      message: 'r.example offers only ways to log in that are not supported (negotiate)',
    });
    await expect(call(authorizer(http, me), access(pull('a')), wants(undefined, []))).rejects.toThrow(
      'r.example answered 401 without saying how to log in',
    );
  });

  it('keeps to Bearer when a bad token is answered with Basic', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me);
    await call(auth, access(pull('app')), wants());
    const harbor = wants((sent) => sent === 'Bearer t2', ['Basic realm="harbor"']);
    expect(await call(auth, access(pull('app')), harbor)).toEqual(['Bearer t1', 'Bearer t2']);
  });
});

describe('tokens', () => {
  it('are asked for once by fifty waiters, and then sent before a 401', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me);
    await Promise.all(Array.from({ length: 50 }, () => call(auth, access(push('app')), wants())));
    expect(await call(auth, access(push('app')), wants())).toEqual(['Bearer t1']);
    expect(http.seen).toHaveLength(1);
  });

  it('serve whatever needs less', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me);
    await call(auth, access(push('app'), pull('base')), wants());
    for (const request of [access(push('app')), access(pull('base')), access(pull('app')), access()]) {
      expect(await auth.authorization(request)).toBe('Bearer t1');
    }
    await auth.authorization(access(push('base')));
    expect(scopesAsked(http)).toEqual([
      'repository:app:pull,push repository:base:pull',
      'repository:base:pull,push',
    ]);
  });

  it('are two for an image with mounts', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me);
    for (let blob = 0; blob < 50; blob += 1) {
      await call(auth, access(push('app')), wants());
      await call(auth, access(push('app'), pull('base')), wants());
    }
    expect(http.seen).toHaveLength(2);
  });

  it('are asked for with what the challenge wants on top of what is known to be needed', async () => {
    const http = tokenServer();
    const auth = authorizer(http);
    await call(
      auth,
      access(push('app')),
      wants(undefined, [`${bearer},scope="repository:app:pull registry:catalog:*"`]),
    );
    expect(scopesAsked(http)).toEqual(['repository:app:pull,push registry:catalog:*']);
  });

  it('are one where it is known what will be mounted from', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me, { foreseen: pull('base') });
    for (let blob = 0; blob < 50; blob += 1) {
      await call(auth, access(push('app')), wants());
      await call(auth, access(push('app'), pull('base')), wants());
    }
    expect(scopesAsked(http)).toEqual(['repository:app:pull,push repository:base:pull']);
  });

  it('are for no more than is needed by what only reads, or writes where it would mount from', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me, { foreseen: pull('base') });
    await call(auth, access(pull('app')), wants());
    await call(auth, access(push('base')), wants());
    expect(scopesAsked(http)).toEqual(['repository:app:pull', 'repository:base:pull,push']);
  });

  it('are for what is needed alone where the token service refuses what is foreseen, once', async () => {
    const http = tokenServer(({ url }) => (url.includes('base') ? { status: 400 } : {}));
    const auth = authorizer(http, me, { foreseen: pull('base') });
    expect(await call(auth, access(push('app')), wants())).toEqual([undefined, 'Bearer t2']);
    expect(await call(auth, access(push('app'), pull('base')), wants())).toEqual(['Bearer t2']);
    await call(auth, access(push('other')), wants());
    expect(scopesAsked(http)).toEqual([
      'repository:app:pull,push repository:base:pull',
      'repository:app:pull,push',
      'repository:other:pull,push',
    ]);
  });

  it('are for what is needed alone where the registry takes no other, once', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me, { foreseen: pull('base') });
    const narrowOnly = wants((sent) => sent !== 'Bearer t1');
    const all = Array.from({ length: 20 }, () => call(auth, access(push('app')), narrowOnly));
    for (const sent of await Promise.all(all)) expect(sent).toEqual([undefined, 'Bearer t1', 'Bearer t2']);
    await call(auth, access(push('other')), narrowOnly);
    expect(scopesAsked(http)).toEqual([
      'repository:app:pull,push repository:base:pull',
      'repository:app:pull,push',
      'repository:other:pull,push',
    ]);
  });

  it('are foreseen no further after a refusal that was about the login', async () => {
    const http = tokenServer(() => ({ status: 401 }));
    const auth = authorizer(http, me, { foreseen: pull('base') });
    for (let time = 0; time < 3; time += 1) {
      await expect(call(auth, access(push('app')), wants())).rejects.toMatchObject({
        code: 'E_UNAUTHORIZED',
      });
    }
    expect(http.seen).toHaveLength(4);
  });

  it('are asked for a third time by no request that needs what was foreseen, or nothing less', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me, { foreseen: pull('base') });
    const mount = access(push('app'), pull('base'));
    const second = await auth.challenged(mount, fakeHeaders({ 'www-authenticate': bearer }), undefined);
    expect(await auth.narrower?.(mount, second)).toBeUndefined();
    const read = access(pull('app'));
    const other = await auth.challenged(read, fakeHeaders({ 'www-authenticate': bearer }), undefined);
    expect(other).toBe('Bearer t1');
    expect(await auth.narrower?.(read, 'Basic abc')).toBeUndefined();
    expect(await auth.narrower?.(access(push('other')), 'Bearer unknown')).toBeUndefined();
  });

  it('are told apart by credential, realm and service', async () => {
    const http = tokenServer();
    const auth = authorizer(http, undefined, {
      credentials: {
        credential: ({ repository }) => Promise.resolve(repository.startsWith('mine') ? me : undefined),
      },
    });
    await call(auth, access(pull('mine/a'), pull('x')), wants());
    await call(auth, access(pull('x')), wants());
    expect(http.seen.map(({ authorization }) => authorization !== undefined)).toEqual([true, false]);
    await call(
      auth,
      access(pull('x')),
      wants((sent) => sent === 'Bearer t3', [bearer.replace('service="r"', 'service="q"')]),
    );
    expect(http.seen).toHaveLength(3);
  });

  it.each([
    [3000, 2300, 2500],
    [60_000, 47_000, 48_500],
    [3_600_000, 3_569_000, 3_571_000],
  ])('of %i ms are kept at %i and renewed at %i', async (lifeMs, kept, renewed) => {
    let now = 1000;
    const http = tokenServer((_, number) => ({ body: { token: `t${number}`, expires_in: lifeMs / 1000 } }));
    const auth = authorizer(http, me, { now: () => now });
    await call(auth, access(pull('app')), wants());
    now = 1000 + kept;
    expect(await auth.authorization(access(pull('app')))).toBe('Bearer t1');
    now = 1000 + renewed;
    expect(await auth.authorization(access(pull('app')))).toBe('Bearer t2');
  });

  it('count their life from when they were asked for', async () => {
    let now = 0;
    const http = tokenServer(() => {
      now += 50_000;
      return {};
    });
    const auth = authorizer(http, me, { now: () => now });
    await call(auth, access(pull('app')), wants());
    now += 35_000;
    expect(await auth.authorization(access(pull('app')))).toBe('Bearer t2');
  });

  it('are renewed once by many on a 401, whatever the clock says', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me);
    await call(auth, access(pull('app')), wants());
    const revoked = wants((sent) => sent !== 'Bearer t1');
    const sent = await Promise.all(
      Array.from({ length: 50 }, () => call(auth, access(pull('app')), revoked)),
    );
    expect(new Set(sent.flat())).toEqual(new Set(['Bearer t1', 'Bearer t2']));
    expect(http.seen).toHaveLength(2);
  });

  it('are sent once more where the token service gives the same again', async () => {
    const http = tokenServer(() => ({ body: { token: 'same' } }));
    const auth = authorizer(http);
    await call(auth, access(pull('app')), wants());
    let forgotten = true;
    const once = (): boolean => !forgotten || (forgotten = false);
    expect(await call(auth, access(pull('app')), wants(once))).toEqual(['Bearer same', 'Bearer same']);
    expect(http.seen).toHaveLength(2);
    await expect(
      call(
        auth,
        access(pull('app')),
        wants(() => false),
      ),
    ).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
    expect(http.seen).toHaveLength(3);
  });

  it("that are no token service's are not sent twice", async () => {
    const auth = authorizer(tokenServer(), bearerCredential('mine', 'test'));
    const sent = await call(auth, access(pull('app')), wants());
    const headers = fakeHeaders({ 'www-authenticate': bearer });
    await expect(auth.challenged(access(pull('app')), headers, sent[1])).rejects.toThrow(/refused/);
  });

  it('are not renewed again for a request that was answered late', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me);
    await call(auth, access(pull('app')), wants());
    const headers = fakeHeaders({ 'www-authenticate': bearer });
    expect(await auth.challenged(access(pull('app')), headers, 'Bearer t1')).toBe('Bearer t2');
    expect(await auth.challenged(access(pull('app')), headers, 'Bearer t1')).toBe('Bearer t2');
    expect(http.seen).toHaveLength(2);
  });

  it('are widened when the scope does not do', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me);
    await call(auth, access(pull('app')), wants());
    const more = wants(
      (sent) => sent === 'Bearer t2',
      [`${bearer},scope="repository:app:pull,delete",error="insufficient_scope"`],
    );
    await call(auth, access(pull('app')), more);
    expect(await call(auth, access(pull('app')), wants())).toEqual(['Bearer t2']);
    expect(scopesAsked(http)).toEqual(['repository:app:pull', 'repository:app:pull,delete']);
  });

  it('go on without the foreign scope where the token service refuses it, and do not try again', async () => {
    const http = tokenServer(({ url }) => (url.includes('base') ? { status: 400 } : {}));
    const auth = authorizer(http, me);
    await call(auth, access(push('app')), wants());
    for (let blob = 0; blob < 5; blob += 1) {
      expect((await call(auth, access(push('app'), pull('base')), wants())).at(-1)).toMatch(/^Bearer /);
    }
    expect(scopesAsked(http)).toEqual([
      'repository:app:pull,push',
      'repository:app:pull,push repository:base:pull',
      'repository:app:pull,push',
    ]);
  });

  it('are narrow again after the registry refused the wide one, and uploads go on', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me);
    const narrowOnly = wants((sent) => sent === 'Bearer t1');
    await call(auth, access(push('app')), narrowOnly);
    const mount = (): Promise<unknown> => call(auth, access(push('app'), pull('base')), narrowOnly);
    await expect(mount()).rejects.toMatchObject({ code: 'E_UNAUTHORIZED' });
    expect(await call(auth, access(push('app')), narrowOnly)).toEqual(['Bearer t1']);
    const asked = http.seen.length;
    await mount();
    const refusing = wants(() => false);
    await expect(call(auth, access(push('app'), pull('base')), refusing)).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
    });
    expect(await call(auth, access(push('app')), narrowOnly)).toEqual(['Bearer t1']);
    expect(http.seen.length).toBe(asked);
  });

  it('outlive fifty mounts that are refused at once', async () => {
    const http = tokenServer(({ url }) => (url.includes('base') ? { status: 400 } : {}));
    const auth = authorizer(http, me);
    await call(auth, access(push('app')), wants());
    const refusing = wants(() => false);
    const mounts = Array.from({ length: 50 }, () => call(auth, access(push('app'), pull('base')), refusing));
    for (const mount of await Promise.allSettled(mounts)) expect(mount.status).toBe('rejected');
    const asked = http.seen.length;
    expect(asked).toBeLessThanOrEqual(4);
    await expect(call(auth, access(push('app'), pull('base')), refusing)).rejects.toThrow();
    expect(await call(auth, access(push('app')), wants())).toHaveLength(1);
    expect(http.seen).toHaveLength(asked);
  });

  it('for more, under way already, do for a request that needs less', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me);
    const [wide, narrow] = await Promise.all([
      call(auth, access(push('app'), pull('base')), wants()),
      call(auth, access(pull('base')), wants()),
    ]);
    expect([wide[1], narrow[1]]).toEqual(['Bearer t1', 'Bearer t1']);
    expect(http.seen).toHaveLength(1);
  });

  it('are asked for again when what was under way was narrowed', async () => {
    const http = tokenServer(({ url }) => (/app.*base/.test(url) ? { status: 400 } : {}));
    const auth = authorizer(http, me);
    await Promise.all([
      call(auth, access(push('app'), pull('base')), wants()),
      call(auth, access(pull('base')), wants()),
    ]);
    expect(scopesAsked(http).slice(1)).toEqual(['repository:app:pull,push', 'repository:base:pull']);
  });

  it('are not refused because another scope is', async () => {
    const http = tokenServer(({ url }) => (url.includes('secret') ? { status: 403 } : {}));
    const auth = authorizer(http, me);
    const refused = call(auth, access(pull('secret')), wants());
    const given = call(auth, access(pull('app')), wants());
    await expect(refused).rejects.toMatchObject({ status: 403 });
    expect((await given)[1]).toMatch(/^Bearer t/);
  });

  it('wait for nobody who has given up, and go on for the others', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const http = fakeHttp(async () => {
      await gate;
      return { body: { token: 't' } };
    });
    const auth = authorizer(http);
    const headers = fakeHeaders({ 'www-authenticate': bearer });
    const controller = new AbortController();
    const impatient = auth.challenged(
      { ...access(pull('app')), signal: controller.signal },
      headers,
      undefined,
    );
    const patient = auth.challenged(access(pull('app')), headers, undefined);
    await vi.waitFor(() => expect(http.seen).toHaveLength(1));
    controller.abort(new Error('enough'));
    await expect(impatient).rejects.toThrow('enough');
    release();
    expect(await patient).toBe('Bearer t');
  });
});

describe('a refusal', () => {
  it('is final at the second 401, and says where the credential came from but not what it is', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me, { side: 'source' });
    const error: unknown = await call(
      auth,
      access(pull('app')),
      wants(() => false),
    ).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'E_UNAUTHORIZED',
      side: 'source',
      status: 401,
      message:
        'r.example refused the credentials from ~/.docker/config.json (auths) for repository:app:pull (401)',
      hint: { code: 'renew-login', registry: 'r.example' },
    });
    expect(http.seen).toHaveLength(1);
  });

  it('advises a login when nothing was sent', async () => {
    const auth = authorizer(tokenServer(), undefined, { side: 'target' });
    const basic = wants(() => false, ['Basic realm="r"']);
    await expect(call(auth, access(push('app')), basic)).rejects.toMatchObject({
      message:
        'r.example gives no anonymous access for repository:app:pull,push (401): not public, or not there',
      hint: { code: 'log-in', registry: 'r.example' },
    });
  });

  it('of Basic credentials comes without sending them twice', async () => {
    const auth = authorizer(tokenServer(), me);
    const basic = ['Basic realm="r"'];
    await expect(
      call(
        auth,
        access(pull('app')),
        wants(() => false, basic),
      ),
    ).rejects.toThrow(/refused the credentials/);
    const headers = fakeHeaders({ 'www-authenticate': basic });
    const sent = await auth.authorization(access(pull('app')));
    await expect(auth.challenged(access(pull('app')), headers, sent)).rejects.toThrow(
      /refused the credentials/,
    );
  });

  it('by the token service names it and keeps its codes', async () => {
    const http = fakeHttp(() => ({
      status: 401,
      body: { errors: [{ code: 'UNAUTHORIZED', message: 'bad' }] },
    }));
    await expect(call(authorizer(http, me), access(pull('app')), wants())).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      status: 401,
      registryCodes: ['UNAUTHORIZED'],
      message: expect.stringMatching(
        /^the token service auth\.example of r\.example refused the credentials from ~/,
      ) as string,
    });
  });

  it('of a mount is not asked about at the token service twice when it is the only scope', async () => {
    const http = fakeHttp(() => ({ status: 403 }));
    await expect(call(authorizer(http, me), access(pull('app')), wants())).rejects.toMatchObject({
      status: 403,
    });
    expect(http.seen).toHaveLength(1);
  });
});

describe('a token service on another host', () => {
  it('is named once', async () => {
    const notes: string[] = [];
    const auth = authorizer(tokenServer(), me, { onNote: (note) => notes.push(note) });
    await call(auth, access(pull('a')), wants());
    await call(auth, access(pull('b')), wants());
    expect(notes).toEqual(['r.example has its logins handled by auth.example']);
  });

  it('is not named when it is the registry itself', async () => {
    const notes: string[] = [];
    const auth = authorizer(tokenServer(), me, { onNote: (note) => notes.push(note) });
    await call(auth, access(pull('a')), wants(undefined, ['Bearer realm="/token"']));
    expect(notes).toEqual([]);
  });

  it('gets no credentials when trusted realms are given and it is not among them', async () => {
    const http = tokenServer();
    const auth = authorizer(http, me, { trustedRealms: ['other.example'] });
    await expect(call(auth, access(pull('a')), wants())).rejects.toMatchObject({
      code: 'E_UNAUTHORIZED',
      hint: { code: 'trust-realm', host: 'auth.example' },
    });
    expect(http.seen).toEqual([]);
  });

  it('gets them when it is listed, and anonymous requests in any case', async () => {
    const listed = tokenServer();
    await call(authorizer(listed, me, { trustedRealms: ['auth.example'] }), access(pull('a')), wants());
    expect(listed.seen).toMatchObject([{ authorization: header('me', 'canary-password') }]);
    const anonymous = tokenServer();
    await call(authorizer(anonymous, undefined, { trustedRealms: [] }), access(pull('a')), wants());
    expect(anonymous.seen).toMatchObject([{ authorization: undefined }]);
  });

  it.each(['http://auth.example/token', 'https://169.254.169.254/token', 'not a url:'])(
    'is not asked at %s',
    async (realm) => {
      const http = tokenServer();
      const challenge = [`Bearer realm="${realm}"`];
      const asked = call(authorizer(http, me), access(pull('a')), wants(undefined, challenge));
      if (realm.startsWith('http')) {
        await expect(asked).rejects.toMatchObject({ code: 'E_REFUSED' });
        expect(http.seen).toEqual([]);
      } else {
        await asked; // a relative realm: the registry's own
        expect(new URL(http.seen[0]?.url ?? '').origin).toBe(origin);
      }
    },
  );

  it('that must not be asked is the reason, where Basic is offered too but there is no login', async () => {
    const challenge = ['Bearer realm="http://auth.example/token"', 'Basic realm="gitea"'];
    const asked = call(authorizer(tokenServer()), access(pull('a')), wants(undefined, challenge));
    await expect(asked).rejects.toMatchObject({ code: 'E_REFUSED' });
  });

  it('that must not be asked leaves Basic, where that is offered too', async () => {
    const challenge = ['Bearer realm="http://auth.example/token"', 'Basic realm="gitea"'];
    const sent = await call(authorizer(tokenServer(), me), access(pull('a')), wants(undefined, challenge));
    expect(sent[1]).toBe(header('me', 'canary-password'));
  });
});

describe('secrets', () => {
  it('show in nothing that is printed', async () => {
    const token = 'canary-token';
    const http = tokenServer(() => ({ body: { token } }));
    for (const credential of [
      me,
      basicCredential('canary-user', 'canary-password', 'test'),
      identityCredential('canary-identity', 'test', 'canary-user'),
      bearerCredential('canary-bearer', 'test'),
    ]) {
      const auth = authorizer(http, credential);
      const error: unknown = await call(
        auth,
        access(pull('a')),
        wants(() => false),
      ).catch((thrown: unknown) => thrown);
      const shown = [
        inspect([auth, credential, error, staticCredentials(credential)], { depth: 20, showHidden: true }),
        JSON.stringify([auth, credential, error]),
        String(error),
        JSON.stringify({ ...credential }),
        Object.values(credential).join(),
      ];
      expect(shown.join('\n')).not.toContain('canary');
      expect(shown.join('\n')).not.toContain(Buffer.from('canary').toString('base64').slice(0, 7));
    }
  });
});
