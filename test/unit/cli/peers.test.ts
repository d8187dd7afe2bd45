import { describe, expect, it } from 'vitest';

import { allOptions, commands } from '../../../src/cli/commands.js';
import { ownPeerOptions, peerCommands, peerOptions } from '../../../src/cli/peer-words.js';
import { registryOptions } from '../../../src/cli/side-options.js';
import { run } from './fake-io.js';

async function usage(...argv: string[]): Promise<string> {
  const ran = await run(argv);
  expect(ran).toMatchObject({ exit: 2, stdout: '' });
  expect(ran.stderr.trim().split('\n')).toHaveLength(1);
  return ran.stderr;
}

describe('an option of a command with one registry', () => {
  it.each(Object.keys(registryOptions))('is named for both sides by one with two: --%s', async (name) => {
    for (const command of ['copy', 'promote', 'apply']) {
      const told = await usage(
        command,
        `--${name}`,
        ...(allOptions[name]?.kind === 'flag' ? [] : ['x']),
        'a',
        'b',
      );
      expect(told).toContain(`--${name} is not an option of ${command}; the sides have their own`);
      expect(told).toContain(`--from-${name} or --to-${name}`);
    }
  });

  it('is named without a side where the command has one', async () => {
    expect(await usage('digest', '--from-insecure', 'a')).toContain('there is one registry: --insecure');
    expect(await usage('tags', '--to-username', 'x', 'a')).toContain('there is one registry: --username');
  });

  it('is not named where there is none', async () => {
    expect(await usage('completion', '--insecure', 'bash')).not.toContain('--from-insecure');
  });
});

describe('what other programs call it', () => {
  it.each([
    [
      ['copy', '--src-tls-verify=false', 'a', 'b'],
      '--from-insecure accepts any certificate, --from-plain-http',
    ],
    [['copy', '--dest-tls-verify=false', 'a', 'b'], '--to-insecure accepts any certificate'],
    [['copy', '--tls-verify=false', 'a', 'b'], '--from-insecure or --to-insecure accepts any certificate'],
    [['digest', '--tls-verify=false', 'a'], '--insecure accepts any certificate, --plain-http speaks http'],
    [['copy', '--all', 'a', 'b'], '--all-tags copies every tag'],
    [['copy', '-a', 'a', 'b'], 'an index is copied with all of its platforms'],
    [['copy', '--src-creds', 'ann:hunter2', 'a', 'b'], '--from-username and --from-password-stdin'],
    [['copy', '--dest-creds=ann:hunter2', 'a', 'b'], '--to-username and --to-password-stdin'],
    [['tags', '--creds', 'ann:hunter2', 'a'], '--username and --password-stdin'],
    [['copy', '--password', 'hunter2', 'a', 'b'], '--from-password-stdin or --to-password-stdin'],
    [['copy', '--format', 'oci', 'a', 'b'], 'digests are never changed'],
    [['copy', '--jobs', '4', 'a', 'b'], '--concurrency N'],
    [['copy', '-n', 'a', 'b'], '--no-clobber overwrites no tag'],
    [['copy', '--multi-arch', 'all', 'a', 'b'], 'with all of its platforms'],
    [['copy', '-r', 'a', 'b'], 'referrers are not copied yet'],
    [['copy', '--allow-nondistributable-artifacts', 'a', 'b'], '--include-foreign'],
    [['copy', '--digestfile', 'x', 'a', 'b'], '--json'],
    [['-v'], 'regferry --version tells the version'],
    [['version'], 'regferry --version tells it'],
    [['version', '-v'], 'regferry --version tells it'],
    [['cp', 'a', 'b'], 'regferry copy SOURCE TARGET'],
    [['cp', '-a', 'a', 'b'], 'regferry copy SOURCE TARGET'],
    [['ls', 'a'], 'regferry tags REPOSITORY'],
    [['retag', 'a', 'b'], 'regferry promote app:1 prod'],
    [['image', 'copy', 'a', 'b'], 'regferry copy SOURCE TARGET'],
    [['auth', 'login', 'r'], 'regferry login REGISTRY'],
    [['repo', 'ls', 'r'], 'repositories are not listed'],
    [['manifest', 'fetch', 'a'], 'regferry manifest IMAGE writes it, without another word'],
    [['tags', 'ls', 'a'], 'regferry tags REPOSITORY lists tags'],
    [['rm', 'a'], 'promote --undo RECEIPT --delete-new-tags deletes tags'],
    [['tag', 'rm', 'a'], 'promote --undo RECEIPT --delete-new-tags deletes tags'],
    [['copy', '-f', 'a', 'b'], 'there is nothing to force'],
    [['promote', '--force', 'a', 'b'], 'there is nothing to force'],
    [['COPY', 'a', 'b'], 'did you mean copy?'],
    [['Image', 'Copy', 'a', 'b'], 'regferry copy SOURCE TARGET'],
    [['copytags', 'a', 'b'], 'regferry copy --all-tags'],
    [['tags-of', 'a'], 'did you mean tags?'],
    [['catlog'], 'if catalog is meant: repositories are not listed'],
    [['serve', '--port', '5001'], '--addr HOST:PORT says where it listens'],
    [['copy', '--receipt', 'r.json', 'a', 'b'], 'regferry promote --to REPOSITORY --receipt FILE'],
    [['tags', '--dry-run', 'a'], 'it is one of copy and promote'],
    [['undo', '--help'], 'regferry promote --undo RECEIPT'],
    [['nonsense', '--help'], 'there is no command "nonsense"'],
    [['help', 'cp'], 'regferry copy SOURCE TARGET'],
    [['serve', 'oci:air'], 'serve takes a folder: leave out oci:, and give air'],
  ])('is answered with what it is here: %j', async (argv, words) => {
    const told = await usage(...argv);
    expect(told).toContain(words);
    expect(told).not.toContain('hunter2');
  });

  it('is nothing that there is', () => {
    for (const spelled of peerOptions.keys()) {
      const name = spelled.replace(/^-+/, '');
      const isShort = Object.values(allOptions).some(({ short }) => short === name);
      expect(spelled.startsWith('--') ? Object.hasOwn(allOptions, name) : isShort, spelled).toBe(false);
    }
    const names = commands.map(({ name }) => name);
    for (const words of peerCommands.keys()) expect(names, words).not.toContain(words);
  });

  it('is answered with options and commands that there are', () => {
    const texts = [...ownPeerOptions.values(), ...peerOptions.values(), ...peerCommands.values()];
    for (const text of texts) {
      const options = [...text.matchAll(/\{([a-z-]+)\}|--([a-z][a-z-]+)/g)].map(([, a, b]) => a ?? b ?? '');
      for (const option of options) expect(Object.hasOwn(allOptions, option), text).toBe(true);
      for (const [, name] of text.matchAll(/regferry ([a-z]+)/g)) {
        expect(['help', ...commands.map((command) => command.name)], text).toContain(name);
      }
    }
  });

  it.each(['__proto__', 'constructor', 'toString', 'valueOf'])('is not %s', async (word) => {
    expect(await usage(word)).toContain('there is no command');
    expect(await usage('copy', `--${word}`, 'a', 'b')).toContain('there is no option');
  });
});
