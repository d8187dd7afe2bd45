import { describe, expect, it } from 'vitest';

import { advised } from '../../../src/cli/advice.js';
import { commands } from '../../../src/cli/commands.js';
import { RegferryError, type Hint, type Side } from '../../../src/errors.js';

const hints: Readonly<Record<Hint['code'], Hint>> = {
  'log-in': { code: 'log-in', registry: 'r.example' },
  'renew-login': { code: 'renew-login', registry: 'r.example' },
  'trust-realm': { code: 'trust-realm', host: 'auth.example' },
  'list-tags': { code: 'list-tags', repository: 'r.example/app' },
  'trust-ca': { code: 'trust-ca' },
  'skip-verification': { code: 'skip-verification' },
  'client-certificate': { code: 'client-certificate' },
  'keep-record': { code: 'keep-record' },
  'plain-http': { code: 'plain-http' },
  'allow-private': { code: 'allow-private' },
  'smaller-chunks': { code: 'smaller-chunks' },
  'promote-to': { code: 'promote-to', repository: 'r.example/app' },
  'undo-receipt': { code: 'undo-receipt' },
  'apply-plan': { code: 'apply-plan' },
};

function advice(code: Hint['code'], twoSided: boolean, side?: Side): string {
  return advised(new RegferryError('E_TLS', 'it failed', { side, hint: hints[code] }), twoSided);
}

describe('an error with a hint', () => {
  it.each([
    ['log-in', 'run "regferry login r.example" or give --username'],
    [
      'renew-login',
      'log in again with "regferry login r.example", or leave the credentials out with --anonymous if the image is public',
    ],
    ['trust-realm', 'allow it with --trusted-realm auth.example'],
    ['list-tags', 'regferry tags r.example/app lists those that there are'],
    [
      'trust-ca',
      'if it is to be trusted, name its CA by --ca-file or SSL_CERT_FILE; as a last resort --insecure skips the check',
    ],
    ['skip-verification', 'as a last resort --insecure skips the check'],
    ['client-certificate', 'give the client certificate that it wants by --cert-file and --key-file'],
    ['keep-record', 'name another file by --receipt, or have this one replaced with --overwrite-receipt'],
    ['plain-http', 'for a registry over plain http there is --plain-http'],
    ['allow-private', '--allow-private-redirects allows it'],
    ['smaller-chunks', 'try --chunk-size with a smaller size'],
    ['promote-to', '--to r.example/app sets it there'],
    ['undo-receipt', 'it is for regferry promote --undo'],
    ['apply-plan', 'it is for regferry apply'],
  ] as const)('of %s ends with what to do', (code, words) => {
    expect(advice(code, false, 'source')).toBe(`it failed; ${words}`);
  });

  it('of list-tags names its command beside the tags that the message has', () => {
    const hint: Hint = { code: 'list-tags', repository: 'r.example/app', near: ['v1'] };
    const error = new RegferryError('E_NOT_FOUND', 'no tag "v2" in r.example/app; it has v1', { hint });
    expect(advised(error, false)).toBe(
      'no tag "v2" in r.example/app; it has v1 (regferry tags r.example/app)',
    );
  });

  it.each([
    ['source', '--from-insecure'],
    ['target', '--to-insecure'],
    [undefined, '--from-insecure or --to-insecure'],
  ] as const)('about the side %s names %s where there are two', (side, name) => {
    expect(advice('skip-verification', true, side)).toBe(
      `it failed; as a last resort ${name} skips the check`,
    );
  });

  it('names an option for both sides as it is', () => {
    expect(advice('smaller-chunks', true, 'target')).toContain(' --chunk-size ');
    expect(advice('trust-realm', true, 'source')).toContain(' --trusted-realm ');
  });

  it.each(
    commands.filter(({ options }) => Object.hasOwn(options, 'idle-timeout')).map((one) => [one.name, one]),
  )('names options that %s has', (name, { options, twoSided = false }) => {
    // Reading uploads nothing, a login is what login is about, and the rest is what promote says, or says of promote.
    const reading = name === 'login' ? ['smaller-chunks', 'renew-login'] : ['smaller-chunks'];
    const promoting = name === 'promote' ? [] : ['promote-to', 'undo-receipt'];
    const recording = Object.hasOwn(options, 'receipt') ? [] : ['keep-record'];
    const never = [...(twoSided ? [] : reading), ...promoting, ...recording];
    const codes = (Object.keys(hints) as Hint['code'][]).filter((code) => !never.includes(code));
    const named = codes.flatMap((code) => advice(code, twoSided).match(/--[a-z-]+/g) ?? []);
    expect(named.filter((flag) => !Object.hasOwn(options, flag.slice(2)))).toEqual([]);
  });

  it('is as it is without one', () => {
    expect(advised(new RegferryError('E_NETWORK', 'it failed'), true)).toBe('it failed');
  });
});
