import type { IncomingMessage } from 'node:http';

import type { Fault } from '../faults.js';
import { answer } from './answers.js';

/** How a registry that wants tokens behaves. */
export interface TokenStyle {
  /** The field that holds the token. @default both */
  readonly fields?: readonly ('token' | 'access_token')[];
  /** How many of the scopes that are asked for are given, from the end. @default all */
  readonly scopes?: number;
  /** Fills the answer up to so many bytes, behind the token. @default not at all */
  readonly length?: number;
  /** Gives another token each time, as most do. @default the same for the same scopes, as GHCR does */
  readonly numbered?: boolean;
  /** Further challenges beside Bearer, in their own headers. */
  readonly also?: readonly string[];
  /** What is answered to a token that is not enough, in place of the Bearer challenge. */
  readonly toBadToken?: string;
  /** Whether the challenge is left out, so that only that of `/v2/` tells. @default false */
  readonly silent?: boolean;
}

/**
 * Asks for a token before everything, and gives one to anybody at `/token`: it allows what is written in it. The token
 * has to cover the repository of the path, and `push` for whatever writes.
 */
export function tokens(style: TokenStyle = {}): Fault {
  const { fields = ['token', 'access_token'], scopes = Infinity, length = 0 } = style;
  let given = 0;
  return (next) => (request, response) => {
    const { url = '', headers } = request;
    if (url.startsWith('/token')) {
      const asked = new URL(url, 'http://registry').searchParams.getAll('scope');
      given += 1;
      const number = style.numbered === true ? [`number:${given}`] : [];
      const token = Buffer.from([...asked.slice(-scopes), ...number].join(' ')).toString('base64url');
      const body = filled(Object.fromEntries(fields.map((field) => [field, token])), length);
      answer(200, { headers: { 'content-type': 'application/json' }, body })(next)(request, response);
      return;
    }
    const token = /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1];
    if (token !== undefined && allows(token, request)) {
      next(request, response);
      return;
    }
    const bearer = `Bearer realm="http://${headers.host ?? ''}/token",service="registry"`;
    const challenge = token === undefined || style.toBadToken === undefined ? bearer : style.toBadToken;
    const challenges = [challenge, ...(style.also ?? [])];
    const told = style.silent === true && url !== '/v2/' ? {} : { 'www-authenticate': challenges };
    const body = JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] });
    answer(401, { headers: { ...told, 'content-type': 'application/json' }, body })(next)(request, response);
  };
}

function filled(fields: Record<string, string>, length: number): string {
  const missing = length - JSON.stringify({ ...fields, filler: '' }).length;
  return JSON.stringify(missing < 0 ? fields : { ...fields, filler: 'x'.repeat(missing) });
}

function allows(token: string, { method = '', url = '' }: IncomingMessage): boolean {
  const scopes = Buffer.from(token, 'base64url').toString().split(' ');
  const repository = /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)\//.exec(url)?.[1];
  if (repository === undefined) return true;
  const action = method === 'GET' || method === 'HEAD' ? 'pull' : 'push';
  const needs = [[repository, action]];
  const from = new URL(url, 'http://registry').searchParams.get('from');
  if (from !== null) needs.push([from, 'pull']);
  return needs.every(([name, wanted]) =>
    scopes.some((scope) => {
      const [, granted, actions] = /^repository:(.+):([a-z,]+)$/.exec(scope) ?? [];
      return granted === name && (actions ?? '').split(',').includes(wanted ?? '');
    }),
  );
}
