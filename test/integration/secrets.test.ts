import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { digest } from '../../src/api/image.js';
import type { RegferryEvent } from '../../src/copy/events.js';
import { basicCredential, identityCredential } from '../../src/auth/credentials.js';
import { commandLine } from '../support/command-line.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';

const password = 'p"w&<canary>/1+x';
const refreshToken = 'refresh/canary+token"With-More&0123456789';

const hex = (code: number): string => code.toString(16).padStart(4, '0');
const escaped = (text: string): string => Array.from(text, (one) => `\\u${hex(one.charCodeAt(0))}`).join('');

/** Ways in which a server may repeat what it was told, as a whole answer; each holds the secret once or more. */
const echoes: Readonly<Record<string, (said: string) => { body: string; type?: string; warning?: string }>> =
  {
    description: (said) => ({
      body: JSON.stringify({ error: 'invalid_grant', error_description: `bad: ${said}` }),
    }),
    'error list': (said) => ({
      body: JSON.stringify({
        errors: [{ code: 'DENIED', message: said, detail: { asked: said, all: [said] } }],
      }),
    }),
    'code of an error': (said) => ({ body: JSON.stringify({ errors: [{ code: said, message: 'no' }] }) }),
    'JSON of escapes': (said) => ({ body: `{"errors":[{"code":"DENIED","message":"${escaped(said)}"}]}` }),
    'JSON in a message': (said) => ({
      body: JSON.stringify({ message: JSON.stringify({ password: said, again: escaped(said) }) }),
    }),
    'title that is long': (said) => ({
      body: `<html><title>${'x'.repeat(493)}${said}</title>`,
      type: 'text/html',
    }),
    'page with a cut': (said) => ({ body: `<p>${' '.repeat(8 * 1024 - 9)}${said}</p>`, type: 'text/html' }),
    'page with entities': (said) => ({
      body: `<title>${said.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')}</title>`,
    }),
    'plain text with a cut': (said) => ({ body: `${'x'.repeat(494)}${said}` }),
    'text of controls': (said) => ({ body: Array.from(said).join('\u0000\u200b') }),
    'text over lines': (said) => ({ body: Array.from(said).join('\n') }),
    'address in a text': (said) => ({
      body: `see http://mia:${encodeURIComponent(said)}@host/?a=${encodeURI(said)}`,
    }),
    'header in a text': (said) => ({ body: `got ${Buffer.from(`mia:${said}`).toString('base64')}` }),
    'base64 in a text': (said) => ({ body: `got ${Buffer.from(said).toString('base64url')}` }),
    warning: (said) => ({ body: '', warning: `299 - "you sent ${said.replaceAll('"', '\\"')}"` }),
  };

let server: Server;
let host: string;
let home: string;
let echo: (said: string) => { body: string; type?: string; warning?: string };

/** A registry and its token service; whichever gets a secret repeats it. */
function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  const { url = '', headers } = request;
  const form = new URLSearchParams(body).get('refresh_token');
  const [, blob = ''] = headers.authorization?.split(' ') ?? [];
  const pair = Buffer.from(blob, 'base64').toString();
  const said = form ?? (pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : blob);
  if (said === '') {
    const scheme = url.includes('/basic/')
      ? 'Basic realm="r"'
      : `Bearer realm="http://${host}/token",service="s"`;
    response.writeHead(401, { 'www-authenticate': scheme }).end();
    return;
  }
  const repeated = echo(said);
  const warning = repeated.warning === undefined ? {} : { warning: repeated.warning };
  response
    .writeHead(403, { 'content-type': repeated.type ?? 'application/json', ...warning })
    .end(repeated.body);
}

beforeAll(async () => {
  home = makeTempFolder('home');
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(request, response, Buffer.concat(chunks).toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  removeTempFolder(home);
});

/** The secret, without regard to how it is escaped, cut or broken: a piece of it that nothing escapes. */
function traces(text: string): string[] {
  const plain = text.replaceAll(/[\s\u0000]+/g, '');
  const pieces = ['w&<', 'canary', 'With-More', escaped('canary'), '0123456789'];
  const encoded = [password, refreshToken].flatMap((secret) =>
    [0, 1, 2].map((at) =>
      Buffer.from('x'.repeat(at) + secret)
        .toString('base64')
        .slice(4, 16),
    ),
  );
  return [...pieces, ...encoded].filter((piece) => plain.includes(piece));
}

it.each(Object.entries(echoes))(
  'a server that repeats a secret in its %s does not get it into any output',
  async (_, how) => {
    echo = how;
    const authfile = join(home, 'auth.json');
    writeFileSync(authfile, JSON.stringify({ auths: { [host]: { identitytoken: refreshToken } } }));
    const summary = join(home, 'summary');
    const output = join(home, 'output');
    for (const file of [summary, output]) writeFileSync(file, '');
    const login = { REGFERRY_USERNAME: 'mia', REGFERRY_PASSWORD: password, REGFERRY_FROM_USERNAME: 'mia' };
    const both = {
      ...login,
      REGFERRY_FROM_PASSWORD: password,
      REGFERRY_TO_USERNAME: 'mia',
      REGFERRY_TO_PASSWORD: password,
    };
    const job = { ...both, GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary, GITHUB_OUTPUT: output };
    const runs: [string[], Record<string, string>][] = [
      [['digest', `${host}/basic/app:1`], login],
      [['tags', `${host}/app`], login],
      [['digest', '--authfile', authfile, `${host}/app:1`], {}],
      [['copy', `${host}/basic/app:1`, `${host}/basic/other`, `oci:${home}/x`], both],
      [['promote', `${host}/basic/app:1`, 'prod', '--receipt', join(home, 'receipt.json')], job],
    ];
    for (const [args, env] of runs) {
      for (const more of [[], ['--json', '--log-format', 'json'], ['--log-level', 'debug']]) {
        const { code, stdout, stderr } = await commandLine([...args, ...more, '--retries', '0'], {
          env: { HOME: home, ...env },
        });
        expect(code, stderr).toBeGreaterThan(0);
        expect([...traces(stdout), ...traces(stderr)], `${stdout}${stderr}`).toEqual([]);
      }
    }
    expect([summary, output].flatMap((file) => traces(readFileSync(file, 'utf8')))).toEqual([]);
  },
);

it.each(Object.entries(echoes))('nor, in its %s, into what the library throws or tells', async (_, how) => {
  echo = how;
  const told: RegferryEvent[] = [];
  const credentials = [
    basicCredential('mia', password, 'a test'),
    identityCredential(refreshToken, 'a test'),
  ];
  for (const credential of credentials) {
    const source = { credentials: { credential: () => Promise.resolve(credential) } };
    for (const image of [`${host}/basic/app:1`, `${host}/app:1`]) {
      const thrown: unknown = await digest(image, {
        source,
        retries: 0,
        onEvent: (event) => told.push(event),
      }).catch((error: unknown) => error);
      const seen = inspect([thrown, told], { depth: 30, showHidden: true, maxStringLength: null });
      expect(traces(seen), seen).toEqual([]);
    }
  }
});
