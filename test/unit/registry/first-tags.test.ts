import { afterEach, expect, it } from 'vitest';

import { firstTags } from '../../../src/registry/first-tags.js';
import { closeEverything, openRepository, openServer } from './open-repository.js';

afterEach(closeEverything);

it('a list that does not come is given up, and asked for once', async () => {
  const server = await openServer(() => undefined);
  const { context } = openRepository(server.origin);
  expect(await firstTags(context, {}, 50)).toBeUndefined();
  expect(server.asked).toHaveLength(1);
});

it('a list that comes in a trickle is given up', async () => {
  const server = await openServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"tags":["a",');
  });
  const { context } = openRepository(server.origin);
  expect(await firstTags(context, {}, 50)).toBeUndefined();
});

it('no login is asked for', async () => {
  const server = await openServer((_request, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${server.origin}/token"` }).end();
  });
  const { context } = openRepository(server.origin, { login: 'me:secret' });
  expect(await firstTags(context, {})).toBeUndefined();
  expect(server.asked).toHaveLength(1);
});
