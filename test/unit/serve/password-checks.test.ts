import { setImmediate } from 'node:timers/promises';

import { expect, it } from 'vitest';

import { PasswordChecks } from '../../../src/serve/password-checks.js';

/** Checks of which each is answered when the test says so. */
class Desk {
  readonly checks = new PasswordChecks();
  readonly begun: string[] = [];
  readonly #answers = new Map<string, (answer: boolean) => void>();

  ask(key: string, address: string, client = { address, gone: false }): Promise<boolean> {
    return this.checks.ask(key, client, () => {
      this.begun.push(key);
      return new Promise((resolve) => this.#answers.set(key, resolve));
    });
  }

  async answer(key: string, answer = false): Promise<void> {
    this.#answers.get(key)?.(answer);
    await setImmediate();
  }
}

it('one check runs at a time, and each address has its turn after the others', async () => {
  const desk = new Desk();
  for (const key of ['a1', 'a2', 'a3']) void desk.ask(key, 'a');
  void desk.ask('b1', 'b');
  void desk.ask('c1', 'c');
  expect(desk.begun).toEqual(['a1']);
  for (const key of ['a1', 'a2', 'b1', 'c1']) await desk.answer(key);
  expect(desk.begun).toEqual(['a1', 'a2', 'b1', 'c1', 'a3']);
});

it('what is asked twice is checked once, for all who ask', async () => {
  const desk = new Desk();
  const answers = [desk.ask('same', 'a'), desk.ask('same', 'b'), desk.ask('same', 'b')];
  await desk.answer('same', true);
  expect(await Promise.all(answers)).toEqual([true, true, true]);
  expect(desk.begun).toEqual(['same']);
  void desk.ask('same', 'a');
  expect(desk.begun).toEqual(['same', 'same']);
});

it('an address that asks for too much is refused at once, and others are not', async () => {
  const desk = new Desk();
  for (let at = 0; at < 8; at += 1) void desk.ask(`a${at}`, 'a');
  expect(() => desk.ask('a8', 'a')).toThrow(
    expect.objectContaining({ status: 429, headers: { 'Retry-After': '1' } }) as Error,
  );
  void desk.ask('b', 'b');
  await desk.answer('a0');
  void desk.ask('a8', 'a');
  await desk.answer('a1');
  expect(desk.begun).toEqual(['a0', 'a1', 'b']);
});

it('more than there is time for is refused at once, whoever asks', () => {
  const desk = new Desk();
  for (let at = 0; at < 64; at += 1) void desk.ask(`key ${at}`, `address ${at}`);
  expect(() => desk.ask('one more', 'another')).toThrow(
    expect.objectContaining({ status: 503, headers: { 'Retry-After': '2' } }) as Error,
  );
});

it('what nobody waits for any more is not checked, and takes no place', async () => {
  const desk = new Desk();
  void desk.ask('first', 'b');
  const client = { address: 'a', gone: false };
  const given: Promise<boolean>[] = [];
  for (let at = 0; at < 8; at += 1) given.push(desk.ask(`a${at}`, 'a', client));
  client.gone = true;
  void desk.ask('last', 'a');
  expect(await Promise.all(given)).toEqual(Array(8).fill(false));
  await desk.answer('first');
  expect(desk.begun).toEqual(['first', 'last']);
});

it('a check that fails fails for those who asked, and the next one runs', async () => {
  const checks = new PasswordChecks();
  const client = { address: 'a', gone: false };
  const failed = checks.ask('x', client, () => Promise.reject(new Error('no thread')));
  const next = checks.ask('y', client, () => Promise.resolve(true));
  await expect(failed).rejects.toThrow('no thread');
  expect(await next).toBe(true);
});
