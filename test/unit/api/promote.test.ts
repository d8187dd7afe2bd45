import { describe, expect, it } from 'vitest';

import { promote } from '../../../src/api/promote.js';

const source = 'r.example.com/app:1';

describe('a tag of a promotion', () => {
  it.each([
    ['app:prod', 'prod'],
    [':prod', 'prod'],
    ['r.example.com/app:prod', 'prod'],
    ['localhost:5000/app:v1.0', 'v1.0'],
  ])('is given alone: %s', async (image, tag) => {
    await expect(promote(source, image)).rejects.toMatchObject({
      code: 'E_REFERENCE',
      message: `"${image}" is not a tag: give the tag alone, ${tag}`,
    });
  });

  it('is missing where a repository is given', async () => {
    await expect(promote(source, 'localhost:7203/prod/app')).rejects.toMatchObject({
      code: 'E_REFERENCE',
      message: '"localhost:7203/prod/app" is not a tag but a repository',
      hint: { code: 'promote-to', repository: 'localhost:7203/prod/app', tagMissing: true },
    });
    await expect(promote(source, 'release/1.0')).rejects.toMatchObject({ hint: undefined });
  });

  it('of another repository is hinted at', async () => {
    await expect(promote(source, 'r.example.com/other:prod')).rejects.toMatchObject({
      hint: { code: 'promote-to', repository: 'r.example.com/other' },
    });
    for (const image of ['r.example.com/app:prod', 'app:prod', ':prod']) {
      await expect(promote(source, image)).rejects.toMatchObject({ hint: undefined });
    }
  });

  it.each(['x#y', 'x?tag=latest', '../../victim/manifests/latest', '..%2f', '', 'app:', 'a/b'])(
    'is a tag, not %j',
    async (tag) => {
      await expect(promote(source, ['ok', tag])).rejects.toMatchObject({ code: 'E_REFERENCE' });
    },
  );
});
