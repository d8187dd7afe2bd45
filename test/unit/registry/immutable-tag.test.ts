import { afterEach, describe, expect, it } from 'vitest';

import { blob, imageManifest } from '../../support/fixtures.js';
import { rule } from '../../support/faults.js';
import { answer, registryError } from '../../support/faults/answers.js';
import { dropReply } from '../../support/faults/cuts.js';
import type { TestRegistry } from '../../support/registry.js';
import { closeEverything, failureOf, openRegistry, openRepository, requestsOf } from './open-repository.js';

afterEach(closeEverything);

const wanted = imageManifest({ layers: [blob(10, 1)] }).root;
const other = imageManifest({ layers: [blob(10, 2)] }).root;

const guards = [
  ['ECR', 400, 'TAG_INVALID'],
  ['Harbor', 412, 'PRECONDITION'],
  ['Quay', 409, 'TAG_IMMUTABLE'],
  ['Quay, for a tag that exists', 409, 'TAG_ALREADY_EXISTS'],
  ['ACR', 405, 'REGISTRY_DISALLOWED_OPERATION'],
] as const;

const others = [
  [400, 'MANIFEST_INVALID'],
  [403, 'DENIED'],
  [405, 'UNSUPPORTED'],
  [409, 'CONFLICT'],
] as const;

async function refusing(status: number, code: string, held?: typeof wanted): Promise<TestRegistry> {
  const registry = await openRegistry({ rules: [rule({ method: 'PUT' }, registryError(status, code))] });
  if (held !== undefined) await registry.store('app').tag(held, '1');
  return registry;
}

describe('an immutable tag', () => {
  it.each(guards)('of %s (%i %s) that has the digest already is a success', async (_who, status, code) => {
    const registry = await refusing(status, code, wanted);
    await openRepository(registry.url).repository.tag(wanted, '1');
    expect(requestsOf(registry)).toEqual([`PUT ${status}`, 'HEAD 200']);
  });

  it.each(guards)('of %s (%i %s) that has another one is E_IMMUTABLE_TAG', async (_who, status, code) => {
    const registry = await refusing(status, code, other);
    const error = await failureOf(openRepository(registry.url).repository.tag(wanted, '1'));
    expect(error).toMatchObject({ code: 'E_IMMUTABLE_TAG', status, side: 'target', retryable: false });
    expect(error.message).toContain('registry.example.com/app:1 cannot be overwritten');
    expect(error.message).toContain(other.descriptor.digest);
    expect(registry.store('app').tagged('1')).toBe(other.descriptor.digest);
  });

  it.each(guards)(
    'of %s (%i %s) is not the matter where the tag does not exist',
    async (_who, status, code) => {
      const registry = await refusing(status, code);
      const error = await failureOf(openRepository(registry.url).repository.tag(wanted, '1'));
      expect(error).toMatchObject({ status, registryCodes: [code] });
      expect(error.code).not.toBe('E_IMMUTABLE_TAG');
    },
  );

  it('is recognised where the refusal has no words', async () => {
    const registry = await openRegistry({ rules: [rule({ method: 'PUT' }, answer(409))] });
    await registry.store('app').tag(other, '1');
    const error = await failureOf(openRepository(registry.url).repository.tag(wanted, '1'));
    expect(error.code).toBe('E_IMMUTABLE_TAG');
  });

  it('that was written a moment ago, and the answer lost, is a success', async () => {
    const registry = await openRegistry({
      sparse: true,
      rules: [
        rule({ method: 'PUT', nth: 1 }, dropReply()),
        rule({ method: 'PUT', nth: 2 }, registryError(400, 'TAG_INVALID')),
      ],
    });
    await openRepository(registry.url).repository.tag(wanted, '1');
    expect(requestsOf(registry)).toEqual(['PUT 0', 'PUT 400', 'HEAD 200']);
  });
});

describe('another refusal', () => {
  it.each(others)('%i %s stays what it is though the tag has another digest', async (status, code) => {
    const registry = await refusing(status, code, other);
    const error = await failureOf(openRepository(registry.url).repository.tag(wanted, '1'));
    expect(error).toMatchObject({ status, registryCodes: [code] });
    expect(error.code).not.toBe('E_IMMUTABLE_TAG');
  });

  it('of a manifest by digest that is there all the same is a success', async () => {
    const registry = await refusing(409, 'CONFLICT', wanted);
    await openRepository(registry.url).repository.putManifest(wanted);
    expect(requestsOf(registry)).toEqual(['PUT 409', 'HEAD 200']);
  });

  it('of bad content is not looked into any further, but sent once more', async () => {
    const registry = await refusing(400, 'MANIFEST_INVALID', wanted);
    expect((await failureOf(openRepository(registry.url).repository.tag(wanted, '1'))).status).toBe(400);
    expect(requestsOf(registry)).toEqual(['PUT 400', 'PUT 400']);
  });

  it('stays what it is where the tag cannot be asked', async () => {
    const registry = await openRegistry({
      rules: [
        rule({ method: 'PUT' }, registryError(412, 'PRECONDITION')),
        rule({ method: 'HEAD' }, answer(403)),
      ],
    });
    const error = await failureOf(openRepository(registry.url).repository.tag(wanted, '1'));
    expect(error.status).toBe(412);
  });
});
