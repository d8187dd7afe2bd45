import { setImmediate } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { RepositoryMemories, RepositoryMemory } from '../../../src/copy/repository-memory.js';
import { descriptorOf } from '../registry/open-repository.js';

const blob = descriptorOf(Buffer.from('a'));

describe('what is remembered of a repository', () => {
  it('is one task a blob while it is under way and once it has succeeded', async () => {
    const memory = new RepositoryMemory();
    let started = 0;
    const start = (): Promise<void> => {
      started += 1;
      return Promise.resolve();
    };
    await Promise.all([memory.once('blob', blob, start), memory.once('blob', blob, start)]);
    await memory.once('blob', blob, start);
    expect(started).toBe(1);
  });

  it('is a failure for those alone who waited for it: the next one tries', async () => {
    const memory = new RepositoryMemory();
    let started = 0;
    const start = (): Promise<void> => {
      started += 1;
      return started === 1 ? Promise.reject(new Error('broken')) : Promise.resolve();
    };
    const waiting = [memory.once('blob', blob, start), memory.once('blob', blob, start)];
    expect((await Promise.allSettled(waiting)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(started).toBe(1);
    await memory.once('blob', blob, start);
    await memory.once('blob', blob, start);
    expect(started).toBe(2);
  });

  it('tells a digest of another size, or of another kind, from the first', async () => {
    const memory = new RepositoryMemory();
    const started: string[] = [];
    const once = (name: string, ...[kind, descriptor]: Parameters<typeof memory.once>): Promise<void> =>
      memory.once(kind, descriptor, () => {
        started.push(name);
        return Promise.resolve();
      });
    const none = (): Promise<void> => Promise.resolve();
    await once('first', 'blob', blob, none);
    await once('longer', 'blob', { ...blob, size: blob.size + 1 }, none);
    await once('foreign', 'foreign', blob, none);
    await once('manifest', 'manifest', blob, none);
    await once('another type', 'manifest', { ...blob, mediaType: 'application/other' }, none);
    await once('again', 'blob', { ...blob, mediaType: 'application/other' }, none);
    expect(started).toEqual(['first', 'longer', 'foreign', 'manifest', 'another type']);
  });

  it('is what the run uploaded itself', () => {
    const memory = new RepositoryMemory();
    expect(memory.isCopied(blob)).toBe(false);
    memory.copied(blob);
    expect(memory.isCopied(blob)).toBe(true);
  });

  it('lets writes of one manifest wait for each other, also for one that fails, and those of others go on', async () => {
    const memory = new RepositoryMemory();
    const steps: string[] = [];
    const write = (name: string, fails = false) => {
      return async (): Promise<void> => {
        steps.push(`${name} begins`);
        await setImmediate();
        steps.push(`${name} ends`);
        if (fails) throw new Error(name);
      };
    };
    const outcomes = await Promise.allSettled([
      memory.writing('x', write('x1', true)),
      memory.writing('x', write('x2')),
      memory.writing('y', write('y')),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    const ofX = steps.filter((step) => step.startsWith('x'));
    expect(ofX).toEqual(['x1 begins', 'x1 ends', 'x2 begins', 'x2 ends']);
    expect(steps[1]).toBe('y begins');
  });

  it('lets a read of a manifest wait for the writes of it, also for one that fails, and for no others', async () => {
    const memory = new RepositoryMemory();
    const steps: string[] = [];
    const step = (name: string) => async (): Promise<void> => {
      await setImmediate();
      steps.push(name);
      if (name === 'a') throw new Error(name);
    };
    await Promise.allSettled([
      memory.writing('x', step('a')),
      memory.writing('x', step('b')),
      memory.reading('x', step('read x')),
      memory.reading('y', step('read y')),
    ]);
    expect(steps).toEqual(['a', 'read y', 'b', 'read x']);
  });

  it('belongs to one repository', () => {
    const memories = new RepositoryMemories();
    const place = { kind: 'registry', host: 'r.example.com', repository: 'app' } as const;
    const memory = memories.of({ place });
    expect(memories.of({ place: { ...place } })).toBe(memory);
    expect(memories.of({ place: { ...place, repository: 'other' } })).not.toBe(memory);
    expect(memories.of({ place: { ...place, host: 'other.example.com' } })).not.toBe(memory);
    expect(memories.of({ place: { ...place, kind: 'layout' } })).not.toBe(memory);
  });
});
