import { Readable } from 'node:stream';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseErrorBody } from '../../../src/http/error-body.js';
import type { HttpResponse } from '../../../src/http/message.js';
import { receivedHeaders } from '../../../src/http/received-headers.js';
import { responseError } from '../../../src/http/response-error.js';

function answer(
  status: number,
  body: string | Readable = '',
  headers: Record<string, string> = {},
): HttpResponse & { readonly stream: Readable } {
  const stream = typeof body === 'string' ? Readable.from(body === '' ? [] : [Buffer.from(body)]) : body;
  return {
    status,
    headers: receivedHeaders(headers),
    url: 'https://r.example/v2/a/manifests/b?_state=canary',
    stream,
    bytes: () => Promise.reject(new Error('not used')),
    discard: () => Promise.resolve(),
  };
}

const put = { action: 'PUT' };

describe('responseError', () => {
  it.each([
    [400, 'E_REFUSED', false],
    [401, 'E_UNAUTHORIZED', false],
    [403, 'E_DENIED', false],
    [404, 'E_NOT_FOUND', false],
    [405, 'E_UNSUPPORTED', false],
    [408, 'E_UNAVAILABLE', true],
    [409, 'E_REFUSED', false],
    [413, 'E_LIMIT', false],
    [415, 'E_UNSUPPORTED', false],
    [416, 'E_REFUSED', false],
    [429, 'E_RATE_LIMITED', true],
    [500, 'E_UNAVAILABLE', true],
    [501, 'E_UNSUPPORTED', false],
    [507, 'E_REFUSED', false],
    [511, 'E_REFUSED', false],
    [503, 'E_UNAVAILABLE', true],
    [505, 'E_UNSUPPORTED', false],
    [200, 'E_REFUSED', false],
  ])('%i is %s, retryable: %s', async (status, code, retryable) => {
    expect(await responseError(answer(status), put)).toMatchObject({ code, retryable, status });
  });

  it.each(['No required SSL certificate was sent', 'The SSL certificate error'])(
    'hints at a client certificate where a page says: %s',
    async (words) => {
      const page = `<html><head><title>400 ${words}</title></head></html>`;
      expect(await responseError(answer(400, page), put)).toMatchObject({
        hint: { code: 'client-certificate' },
      });
    },
  );

  it('says in one line what was tried, what came back and what to do', async () => {
    const body = JSON.stringify({ errors: [{ code: 'DENIED', message: 'access\n\u001b[31mdenied' }] });
    const error = await responseError(answer(403, body), {
      ...put,
      side: 'target',
      digest: 'sha256:a',
      hint: 'log in',
    });
    expect(error.message).toBe(
      'PUT https://r.example/v2/a/manifests/b?_state=REDACTED answered 403 DENIED: access [31mdenied; log in',
    );
    expect(error).toMatchObject({ side: 'target', digest: 'sha256:a', registryCodes: ['DENIED'] });
  });

  it('tells how long the registry wants to be left alone', async () => {
    const error = await responseError(answer(429, '', { 'retry-after': '21600' }), put);
    expect(error.retryAfterMs).toBe(21_600_000);
    expect(error.message).toMatch(/answered 429; it asks to wait 6 h$/);
    const soon = await responseError(answer(503, '', { 'retry-after': '7' }), put);
    expect(soon.message).toMatch(/it asks to wait 7 s$/);
  });

  it('reads a date by the clock that it is given', async () => {
    const headers = { 'retry-after': 'Tue, 01 Jan 2030 00:05:00 GMT' };
    const error = await responseError(answer(503, '', headers), { ...put, now: Date.UTC(2030, 0, 1) });
    expect(error.retryAfterMs).toBe(300_000);
  });

  it('reads no more than 64 KiB of an endless body, and lets go of it', async () => {
    let given = 0;
    const endless = new Readable({
      read() {
        given += 16_384;
        this.push(Buffer.alloc(16_384, 'x'));
      },
    });
    const error = await responseError(answer(500, endless), put);
    expect(endless.destroyed).toBe(true);
    expect(given).toBeLessThan(1_000_000);
    expect(error.message.length).toBeLessThan(700);
  });

  it('makes do with the status when the body breaks', async () => {
    const broken = new Readable({ read: () => broken.destroy(new Error('cut')) });
    expect((await responseError(answer(404, broken), put)).message).toMatch(/answered 404$/);
  });
});

describe('parseErrorBody', () => {
  const parse = (text: string) => parseErrorBody(Buffer.from(text));

  it.each([
    [
      '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}',
      'UNAUTHORIZED: authentication required',
    ],
    ['{"errors":[{"code":"A","message":"x"},{"code":"B","message":"y"}]}', 'A: x; B: y'],
    ['{"errors":[{"code":"A","message":"x"},{"code":"A","message":"x"}]}', 'A: x'],
    [
      '{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown","detail":{"Digest":"sha256:a"}}]}',
      'MANIFEST_BLOB_UNKNOWN: blob unknown ({"Digest":"sha256:a"})',
    ],
    ['{"errors":[{"message":"only words"}]}', 'only words'],
    ['{"errors":["odd",null,7]}', ''],
    [
      JSON.stringify({ errors: [{ code: 'DENIED', message: 'no', detail: `because ${'x'.repeat(300)}` }] }),
      `DENIED: no (because ${'x'.repeat(192)}…)`,
    ],
    ['{"details":"incorrect username or password"}', 'incorrect username or password'],
    ['{"message":"nope"}', 'nope'],
    ['{"error":"invalid_grant","error_description":"expired"}', 'invalid_grant; expired'],
    ['{"error":{"code":404,"message":"no such project"}}', 'no such project'],
    ['<html><head><TITLE>502 Bad Gateway</TITLE></head><body>x</body></html>', '502 Bad Gateway'],
    ['<h1>Too</h1>\n<p>large</p>', 'Too large'],
    [
      '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>',
      'AccessDenied: Request has expired',
    ],
    ['plain\nwords', 'plain words'],
    ['{not json', '{not json'],
    ['', ''],
    ['[]', '[]'],
    ['{"__proto__":{"errors":[{"code":"X"}]}}', '{"__proto__":{"errors":[{"code":"X"}]}}'],
  ])('%s', (body, text) => {
    expect(parse(body).text).toBe(text);
  });

  it('keeps the codes, twenty at most', () => {
    const errors = Array.from({ length: 100 }, (_, i) => ({ code: `C${i}`, message: 'm' }));
    expect(parse(JSON.stringify({ errors })).codes).toHaveLength(20);
    expect(parse('<Error><Code>SlowDown</Code></Error>').codes).toEqual(['SlowDown']);
  });

  it('never throws, and gives one short printable line', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' }), fc.stringMatching(/^<.*>$/)), (body) => {
        const { text } = parse(body);
        return text.length <= 500 && !/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/.test(text);
      }),
    );
  });

  it.each(['<', '<title', '[', '{"a":', '<a><Code>'])('reads 64 KiB of %s quickly', (piece) => {
    const start = performance.now();
    parse(piece.repeat(65_536 / piece.length));
    expect(performance.now() - start).toBeLessThan(500);
  });
});
