import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

import { describe, expect, it } from 'vitest';

import { AddressRefusal, guardFor, guardedLookup, refusedLiteral } from '../../../src/http/address-guard.js';

describe('guardFor', () => {
  it.each([
    ['public', false, ['loopback', 'private', 'link-local']],
    ['public', true, ['link-local']],
    ['private', false, ['link-local']],
    ['loopback', false, ['link-local']],
    ['loopback', true, ['link-local']],
    ['link-local', false, []],
  ] as const)('from a %s registry, private allowed: %s, refuses %j', (registry, allowPrivate, refuses) => {
    expect(guardFor(registry, allowPrivate)?.refuses ?? []).toEqual(refuses);
  });
});

describe('refusedLiteral', () => {
  const guard = guardFor('public', false);

  it.each(['127.0.0.1', '::1', '10.0.0.1', '169.254.169.254'])('refuses %s', (host) => {
    expect(guard && refusedLiteral(guard, host)).toBeInstanceOf(AddressRefusal);
  });

  it.each(['8.8.8.8', 'r.example', 'localhost'])('leaves %s alone', (host) => {
    expect(guard && refusedLiteral(guard, host)).toBeUndefined();
  });
});

describe('guardedLookup', () => {
  const resolveTo =
    (...addresses: string[]): LookupFunction =>
    (_hostname, options, callback) => {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      if (options.all === true) callback(null, found);
      else callback(null, found[0]?.address ?? '', found[0]?.family);
    };

  function ask(lookup: LookupFunction, all: boolean): Promise<string | LookupAddress[]> {
    const guard = guardFor('public', false);
    if (guard === undefined) throw new Error('no guard');
    return new Promise((resolve, reject) => {
      guardedLookup(guard, lookup)('r.example', { all }, (error, found) => {
        if (error === null) resolve(found);
        else reject(error);
      });
    });
  }

  it('leaves out the addresses that are refused', async () => {
    const found = await ask(resolveTo('10.0.0.1', '8.8.8.8', '::1'), true);
    expect(found).toEqual([{ address: '8.8.8.8', family: 4 }]);
  });

  it('gives a single address where one is asked for', async () => {
    expect(await ask(resolveTo('8.8.8.8'), false)).toBe('8.8.8.8');
  });

  it.each([true, false])('fails when nothing is left (all: %s)', async (all) => {
    await expect(ask(resolveTo('169.254.169.254'), all)).rejects.toThrow(
      'r.example has the link-local address 169.254.169.254',
    );
  });

  it('hands on what the lookup itself failed with', async () => {
    const failing: LookupFunction = (_hostname, _options, callback) =>
      callback(new Error('no such name'), '', 4);
    await expect(ask(failing, true)).rejects.toThrow('no such name');
  });
});
