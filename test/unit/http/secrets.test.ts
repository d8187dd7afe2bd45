import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { expect, it } from 'vitest';

import type { HttpEvent } from '../../../src/http/message.js';
import { responseError } from '../../../src/http/response-error.js';
import { secretsOf, withoutSecrets } from '../../../src/http/secrets.js';
import { createTransport } from '../../../src/http/transport.js';

const basic = `Basic ${Buffer.from('bob:S3cretPassw0rd').toString('base64')}`;

it('finds the credential in a header, and for Basic the password in it', () => {
  expect(secretsOf({ authorization: 'Bearer abc.def' })).toEqual(['abc.def']);
  expect(secretsOf({ authorization: basic })).toEqual([
    basic.slice(6),
    'bob:S3cretPassw0rd',
    'S3cretPassw0rd',
  ]);
  expect(secretsOf({})).toEqual([]);
});

it.each([
  ['what it was sent', 'your password S3cretPassw0rd is wrong', 'your password REDACTED is wrong'],
  ['anything that looks like a credential', 'got bearer abcdefgh.ijklmnop.qrs', 'got bearer REDACTED'],
  ['nothing else', 'basic authentication is needed', 'basic authentication is needed'],
])("takes %s out of a server's words", (_what, said, shown) => {
  expect(withoutSecrets(said, ['S3cretPassw0rd'])).toBe(shown);
});

it('keeps a login that a server repeats out of errors and warnings', async () => {
  const server = createServer((request, response) => {
    const { authorization = '' } = request.headers;
    const pair = Buffer.from(authorization.slice(6), 'base64').toString();
    response.writeHead(400, { warning: `299 - "you sent ${authorization}"` });
    response.end(
      JSON.stringify({ errors: [{ code: 'BAD', message: `header was ${authorization} = ${pair}` }] }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const events: HttpEvent[] = [];
  const http = createTransport({ userAgent: 'test', onEvent: (event) => events.push(event) });
  const response = await http.send({
    method: 'GET',
    url: `http://127.0.0.1:${port}/v2/`,
    headers: { authorization: basic },
  });
  const { message } = await responseError(response, { action: 'GET' });
  await http.close();
  server.close();
  const shown = message + JSON.stringify(events);
  expect(shown).toContain('REDACTED');
  expect(shown).toContain('warning');
  expect(shown).not.toContain('S3cretPassw0rd');
  expect(shown).not.toContain(basic.slice(6));
});
