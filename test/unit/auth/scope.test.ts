import { describe, expect, it } from 'vitest';

import {
  coversScopes,
  formatScopes,
  joinScopes,
  parseScopes,
  requestScopes,
  scopeKey,
} from '../../../src/auth/scope.js';

describe('scopes', () => {
  it('are written as the token specification wants them', () => {
    expect(formatScopes(requestScopes([{ repository: 'a/b', actions: ['push', 'pull'] }]))).toEqual([
      'repository:a/b:pull,push',
    ]);
  });

  it('put the one with push first, and each resource once', () => {
    const mount = requestScopes([
      { repository: 'source', actions: ['pull'] },
      { repository: 'target', actions: ['pull', 'push'] },
    ]);
    const asked = parseScopes('repository:target:pull repository:other:pull');
    expect(formatScopes(joinScopes(mount, asked))).toEqual([
      'repository:target:pull,push',
      'repository:source:pull',
      'repository:other:pull',
    ]);
  });

  it('are read with classes, ports in names, and several actions', () => {
    expect(formatScopes(parseScopes('registry:catalog:*  repository(plugin):h:5000/a:push,pull'))).toEqual([
      'registry:catalog:*',
      'repository(plugin):h:5000/a:pull,push',
    ]);
  });

  it.each([
    '',
    'repository',
    'repository:a',
    ':a:pull',
    'repository:a:',
    'repository:a:pull,',
    'repository:a"b:pull',
    'REPO:a:pull',
    'repository:ä:pull',
  ])('leave out what does not fit the grammar: %j', (text) => {
    expect(parseScopes(text)).toEqual([]);
  });

  it('are capped in number', () => {
    const many = Array.from({ length: 100 }, (_, index) => `repository:r${String(index)}:pull`).join(' ');
    expect(parseScopes(many)).toHaveLength(16);
  });

  it('cover what is among them, and nothing else', () => {
    const held = parseScopes('repository:a:pull,push repository:b:pull registry:catalog:*');
    expect(coversScopes(held, parseScopes('repository:a:pull'))).toBe(true);
    expect(coversScopes(held, parseScopes('repository:b:pull repository:a:push'))).toBe(true);
    expect(coversScopes(held, parseScopes('registry:catalog:list'))).toBe(true);
    expect(coversScopes(held, parseScopes('repository:b:push'))).toBe(false);
    expect(coversScopes(held, parseScopes('repository:c:pull'))).toBe(false);
    expect(coversScopes(held, [])).toBe(true);
  });

  it('have the same key in any order', () => {
    expect(scopeKey(parseScopes('repository:a:push,pull repository:b:pull'))).toBe(
      scopeKey(parseScopes('repository:b:pull repository:a:pull,push')),
    );
  });
});
