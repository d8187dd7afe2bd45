import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  formatPlatform,
  isAttestation,
  matchesPlatform,
  parsePlatform,
  platformOfConfig,
  selectPlatform,
  type Platform,
  type PlatformEntry,
} from '../../../src/spec/platform.js';
import { anyText } from './arbitraries.js';
import { outcome, refusal } from './outcome.js';

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
let count = 0;
const entry = (
  os: string,
  architecture: string,
  variant?: string,
): PlatformEntry & { digest: string; platform: Platform } => ({
  platform: { os, architecture, variant },
  digest: `sha256:${(count += 1)}`,
});

describe('parsePlatform', () => {
  test.each([
    ['linux/amd64', 'linux/amd64'],
    ['Linux/AMD64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/arm64/8', 'linux/arm64'],
    ['linux/arm64/v9', 'linux/arm64/v9'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/i386', 'linux/386'],
    ['macos/arm64', 'darwin/arm64'],
    ['linux/s390x', 'linux/s390x'],
    ['windows(10.0.17763)/amd64', 'windows/amd64:10.0.17763'],
    ['windows/amd64:10.0.20348.169', 'windows/amd64:10.0.20348.169'],
    ['linux/arm/v6:5.10', 'linux/arm/v6:5.10'],
  ])('%s is %s', (text, meant) => {
    expect(formatPlatform(parsePlatform(text))).toBe(meant);
  });

  test.each([
    '',
    'linux',
    'arm64',
    'linux/',
    '/amd64',
    'linux/arm64/v8/x',
    'linux//amd64',
    'linux/a md64',
    'windows/amd64:',
    'windows(10.0.1)/amd64:10.0.2',
    'all',
  ])('refuses %j as a usage error', (text) => {
    expect(outcome(() => parsePlatform(text))).toBe('E_USAGE');
  });

  test('refuses two platforms and says that a subset would be a new digest', () => {
    const error = refusal(() => parsePlatform('linux/amd64,linux/arm64'));
    expect(error.code).toBe('E_USAGE');
    expect(error.message).toContain('new digest');
  });

  test('reads back what formatPlatform writes', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);
    const parts = fc.tuple(word, fc.option(word), word, fc.option(word));
    fc.assert(
      fc.property(parts, ([os, version, architecture, variant]) => {
        const text = `${os}${version === null ? '' : `(${version})`}/${architecture}${variant === null ? '' : `/${variant}`}`;
        const platform = parsePlatform(text);
        expect(parsePlatform(formatPlatform(platform))).toEqual(platform);
      }),
    );
  });

  test('never throws an untyped error', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(['ok', 'E_USAGE']).toContain(outcome(() => parsePlatform(text)));
      }),
    );
  });
});

describe('matchesPlatform', () => {
  test.each([
    ['linux/arm64', entry('linux', 'arm64', 'v8'), true],
    ['linux/arm64/v8', entry('linux', 'arm64'), true],
    ['linux/arm64', entry('linux', 'aarch64'), true],
    ['linux/amd64', entry('linux', 'x86_64'), true],
    ['linux/arm', entry('linux', 'arm', 'v7'), true],
    ['linux/arm', entry('linux', 'arm'), true],
    ['linux/arm', entry('linux', 'arm', 'v6'), false],
    ['linux/arm/v6', entry('linux', 'arm', 'v7'), false],
    ['linux/amd64', entry('linux', 'amd64', 'v3'), false],
    ['linux/amd64', entry('windows', 'amd64'), false],
    ['linux/amd64', entry('linux', 'arm64'), false],
    ['unknown/unknown', entry('unknown', 'unknown'), false],
  ])('%s against %j: %s', (wanted, { platform }, matches) => {
    expect(matchesPlatform(parsePlatform(wanted), platform)).toBe(matches);
  });

  test('compares the OS version only when one was asked for, whole or up to a dot', () => {
    const have = { os: 'windows', architecture: 'amd64', osVersion: '10.0.17763.5122' };
    expect(matchesPlatform(parsePlatform('windows/amd64'), have)).toBe(true);
    expect(matchesPlatform(parsePlatform('windows(10.0.17763)/amd64'), have)).toBe(true);
    expect(matchesPlatform(parsePlatform('windows(10.0.177)/amd64'), have)).toBe(false);
    expect(matchesPlatform(parsePlatform('windows(10.0.20348)/amd64'), have)).toBe(false);
  });
});

describe('selectPlatform', () => {
  const attestation = {
    ...entry('unknown', 'unknown'),
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  };

  const windows = (osVersion?: string) => ({
    ...entry('windows', 'amd64'),
    platform: { os: 'windows', architecture: 'amd64', osVersion },
  });

  test('takes what is listed twice for one image', () => {
    const [arm, amd] = [entry('linux', 'arm64', 'v8'), entry('linux', 'amd64')];
    const again = { ...arm, platform: { os: 'linux', architecture: 'arm64' } };
    expect(selectPlatform([amd, arm, again], parsePlatform('linux/arm64'))).toBe(arm);
  });

  test('refuses to choose between OS versions, and lists them as they can be asked for', () => {
    const entries = [windows('10.0.17763.1'), windows('10.0.20348.169'), entry('linux', 'amd64')];
    const error = refusal(() => selectPlatform(entries, parsePlatform('windows/amd64')));
    expect(error.code).toBe('E_USAGE');
    expect(error.message).toContain('2 images are for windows/amd64');
    expect(error.message).toContain('windows/amd64:10.0.17763.1 (sha256:');
    expect(error.message).toContain('windows/amd64:10.0.20348.169 (sha256:');
    expect(error.message).not.toContain('linux');
    const wanted = parsePlatform('windows/amd64:10.0.20348.169');
    expect(selectPlatform(entries, wanted)).toBe(entries[1]);
  });

  test.each([
    ['of one platform', [entry('linux', 'arm64', 'v8'), entry('linux', 'arm64')], 'linux/arm64'],
    ['with and without a version', [windows(), windows('10.0.1')], 'windows/amd64'],
    [
      'of one version, by its first numbers',
      [windows('10.0.1.1'), windows('10.0.1.2')],
      'windows/amd64:10.0.1',
    ],
    ['of the very same version', [windows('10.0.1'), windows('10.0.1')], 'windows/amd64:10.0.1'],
  ])('refuses to choose between two images %s', (_, entries, wanted) => {
    const error = refusal(() => selectPlatform(entries, parsePlatform(wanted)));
    expect(error.code).toBe('E_USAGE');
    for (const { digest } of entries) expect(error.message).toContain(digest);
  });

  test('prefers exactly the OS version that was asked for', () => {
    const entries = [windows('10.0.1.9'), windows('10.0.1')];
    expect(selectPlatform(entries, parsePlatform('windows(10.0.1)/amd64'))).toBe(entries[1]);
  });

  test('lists what is there, each once, without attestations, when nothing matches', () => {
    const entries = [
      entry('linux', 'amd64'),
      entry('linux', 'arm', 'v6'),
      entry('linux', 'amd64'),
      attestation,
      { digest: 'sha256:0' },
    ];
    const error = refusal(() => selectPlatform(entries, parsePlatform('linux/s390x')));
    expect(error.code).toBe('E_NO_SUCH_PLATFORM');
    expect(error.message).toBe('no image for linux/s390x; there are: linux/amd64, linux/arm/v6');
  });

  test('never takes an attestation, even one that names a real platform', () => {
    const posing = { ...entry('linux', 'amd64'), annotations: attestation.annotations };
    const error = refusal(() =>
      selectPlatform([posing, attestation, { digest: 'sha256:0' }], parsePlatform('linux/amd64')),
    );
    expect(error.message).toContain('names no platforms');
    expect(outcome(() => selectPlatform([attestation], parsePlatform('unknown/unknown')))).toBe(
      'E_NO_SUCH_PLATFORM',
    );
  });

  test('keeps hostile platform names harmless and the message short', () => {
    const entries = Array.from({ length: 5_000 }, (_, i) => entry(`\u001b]0;x\u0007${i}`, 'x'.repeat(500)));
    const { message } = refusal(() => selectPlatform(entries, parsePlatform('linux/amd64')));
    expect(message).not.toMatch(/[\u0000-\u001f]/);
    expect(message.length).toBeLessThan(1_200);
  });
});

describe('isAttestation', () => {
  test('knows them by platform or by annotation', () => {
    expect(isAttestation(entry('unknown', 'unknown'))).toBe(true);
    expect(isAttestation({ annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } })).toBe(
      true,
    );
    expect(isAttestation(entry('linux', 'amd64'))).toBe(false);
    expect(isAttestation({})).toBe(false);
  });
});

describe('platformOfConfig', () => {
  test('reads os, architecture, variant and version', () => {
    const config = {
      os: 'windows',
      architecture: 'arm64',
      variant: 'v8',
      'os.version': '10.0.1',
      rootfs: {},
    };
    expect(platformOfConfig(json(config))).toEqual({
      os: 'windows',
      architecture: 'arm64',
      variant: 'v8',
      osVersion: '10.0.1',
    });
  });

  test.each([
    '{}',
    'null',
    '[]',
    'no json',
    '{"os":"linux"}',
    '{"os":1,"architecture":"amd64"}',
    '{"os":"","architecture":""}',
  ])('finds none in %s', (text) => {
    expect(platformOfConfig(Buffer.from(text))).toBeUndefined();
  });

  test.each(['OS', 'Architecture', 'VARIANT', 'os.Version', 'OS.features'])('refuses %s', (name) => {
    const config = { os: 'linux', architecture: 'amd64', [name]: 'other' };
    expect(outcome(() => platformOfConfig(json(config)))).toBe('E_MANIFEST');
  });

  test('throws nothing else', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void platformOfConfig(bytes)));
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(['ok', 'E_MANIFEST']).toContain(outcome(() => platformOfConfig(json(value))));
      }),
    );
  });
});
