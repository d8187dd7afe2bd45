import { describe, expect, it } from 'vitest';

import { parseGuards } from '../../../src/api/guards.js';

const digest = `sha256:${'1'.repeat(64)}`;

describe('guards', () => {
  it('are none where none are given', () => {
    expect(parseGuards()).toEqual({ source: undefined, target: undefined });
    expect(parseGuards({ noClobber: false })).toEqual({ source: undefined, target: undefined });
  });

  it('become conditions on the source and on each target', () => {
    const guards = { expect: digest, ifTarget: 'absent', requirePlatforms: ['linux/x86_64', 'linux/arm64'] };
    expect(parseGuards(guards)).toEqual({
      source: {
        digest,
        platforms: [
          { os: 'linux', architecture: 'amd64' },
          { os: 'linux', architecture: 'arm64' },
        ],
      },
      target: { is: null, noClobber: undefined },
    });
    expect(parseGuards({ ifTarget: digest, noClobber: true }).target).toEqual({
      is: digest,
      noClobber: true,
    });
  });

  it.each([
    [{ expect: 'latest' }, 'E_REFERENCE'],
    [{ expect: '' }, 'E_REFERENCE'],
    [{ ifTarget: 'Absent' }, 'E_REFERENCE'],
    [{ ifTarget: `sha384:${'1'.repeat(96)}` }, 'E_ALGORITHM'],
    [{ requirePlatforms: ['arm64'] }, 'E_USAGE'],
    [{ requirePlatforms: ['linux/amd64,linux/arm64'] }, 'E_USAGE'],
  ])('refuses %j as %s', (guards, code) => {
    expect(() => parseGuards(guards)).toThrow(expect.objectContaining({ code }));
  });
});
