import { describe, expect, it } from 'vitest';

import { parseRegistry } from '../../../src/spec/registry-name.js';

describe('the name of a registry', () => {
  it.each([
    ['registry.example.com', 'registry.example.com'],
    ['registry.example.com:5000', 'registry.example.com:5000'],
    ['localhost', 'localhost'],
    ['[::1]:5000', '[::1]:5000'],
    ['docker.io', 'docker.io'],
    ['index.docker.io', 'docker.io'],
  ])('%s is %s', (text, registry) => {
    expect(parseRegistry(text)).toBe(registry);
  });

  it.each([
    ['https://registry.example.com', 'leave out https://'],
    ['registry.example.com/app', 'leave out the repository'],
    ['registry', 'a host name has a dot or a port'],
    ['', 'it is empty'],
    ['ex ample.com', 'is not'],
  ])('"%s" is none', (text, why) => {
    expect(() => parseRegistry(text)).toThrow(why);
    expect(() => parseRegistry(text)).toThrow(expect.objectContaining({ code: 'E_REFERENCE' }) as Error);
  });

  it('does not repeat what may be a password', () => {
    expect(() => parseRegistry('ann:hunter2@registry.example.com')).toThrow(/^(?!.*hunter2)/);
  });
});
