import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import { expect, it } from 'vitest';

import type { HttpEvent, HttpRequest } from '../../../src/http/message.js';
import { holdBody, holdRequest } from '../../../src/http/request-secrets.js';
import { responseError } from '../../../src/http/response-error.js';
import { createTransport } from '../../../src/http/transport.js';
import { Secrets } from '../../../src/secrets/secrets.js';

const basic = `Basic ${Buffer.from('bob:S3cretPassw0rd').toString('base64')}`;

/** What is taken out of a text that repeats a request. */
function shown(request: HttpRequest, text: string): string {
  const secrets = new Secrets();
  holdRequest(secrets, request);
  return secrets.redact(text);
}

it.each([
  ['a signature', 'https://s3/x?X-Amz-Signature=0123456789abcdef0123', '0123456789abcdef0123'],
  ['a short token', 'https://s3/x?token=ab12cd34', 'ab12cd34'],
  ['the state of an upload', 'https://r/v2/a/blobs/uploads/1?_state=ab%2B12cd34', 'ab+12cd34'],
  ['a password', 'http://mia:S3cret%2Fcanary@r/x', 'S3cret/canary'],
])('keeps %s of a URL', (_what, url, secret) => {
  expect(shown({ method: 'GET', url }, `it has ${secret}.`)).toBe('it has REDACTED.');
});

it.each([
  'https://r/v2/a/blobs/uploads/?mount=sha256:0123456789abcdef0123&from=team/app-2023-release',
  'https://r/token?scope=repository:app-2023-release:pull&service=registry-2023.example',
  'https://s3/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20231101T000000Z&response-content-type=application/vnd.oci.image.layer.v1.tar',
])('takes nothing of %s for a secret', (url) => {
  const text = decodeURIComponent(url.slice(url.indexOf('?') + 1).replaceAll('&', ' and '));
  expect(shown({ method: 'GET', url }, text)).toBe(text);
});

it('keeps the credentials among the headers, and those in a form', () => {
  const headers = {
    authorization: basic,
    'proxy-authorization': 'Bearer pr0xy-canary',
    accept: 'text/plain-1',
  };
  const text = 'S3cretPassw0rd pr0xy-canary text/plain-1';
  expect(shown({ method: 'GET', url: 'https://r/', headers }, text)).toBe('REDACTED REDACTED text/plain-1');
  const secrets = new Secrets();
  holdBody(secrets, Buffer.from('grant_type=refresh_token&service=r.example&refresh_token=Abc%2Bd'));
  expect(secrets.redact('the refresh_token "Abc+d" is bad')).toBe('the refresh_token "REDACTED" is bad');
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
