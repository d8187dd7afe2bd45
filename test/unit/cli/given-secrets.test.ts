import { describe, expect, it } from 'vitest';

import { RegferryError } from '../../../src/errors.js';
import { parseReference } from '../../../src/spec/reference.js';
import { fakeIo, run } from './fake-io.js';

const secret = 'Hunter2/canary';

/** As far as the library goes with what is no reference. */
const parsed = (image: string): Promise<never> =>
  Promise.resolve().then(() => {
    throw new Error(`no test needs ${parseReference(image).repository}`);
  });

describe('a secret on the command line', () => {
  it.each([
    [[`-p${secret}`], 'there is no option -p…'],
    [['-p', secret], 'there is no option -p'],
    [[`--password=${secret}`], 'there is no option --password, because'],
    [['--password', secret], 'there is no option --password, because'],
    [[`--password${secret}`], 'there is no option --password…, because'],
    [['--passwordhunter'], 'there is no option --password…, because'],
    [[`--from-password${secret}`], 'there is no option --from-password…, because'],
    [['-u', `mia:${secret}`], 'there is no option -u'],
    [[`-umia:${secret}`], 'there is no option -u…'],
    [[`--creds=mia:${secret}`], 'there is no option --creds'],
    [['--dest-creds', `mia:${secret}`], 'there is no option --dest-creds'],
    [[`--token${secret}`], 'there is no option --token…'],
    [[`--foo${secret}`], 'there is no option --fooHunter…'],
    [[`--password-stdin=${secret}`], '--password-stdin is on or off'],
    [[`https://mia:${secret}@r.example/app`], 'leave out https://'],
    [[`mia:${secret}@r.example/app`], 'is not an image reference'],
    [['app', secret], 'digest takes <image> and nothing else'],
    [['app', `mia:${secret}`], 'digest takes <image> and nothing else'],
  ])('is not repeated: digest %s', async (words, message) => {
    for (const more of [[], ['--json'], ['--log-format', 'json', '--log-level', 'debug']]) {
      const { exit, stdout, stderr } = await run(['digest', ...words, ...more], { digest: parsed });
      expect(exit).toBe(2);
      expect(stderr).toContain(message);
      expect(`${stdout}${stderr}`).not.toMatch(/canary|hunter2|passwordhunter/i);
    }
  });

  it('is not repeated in place of a command', async () => {
    for (const word of [`mia:${secret}@r.example`, secret]) {
      const { exit, stderr } = await run([word, 'a'], {});
      expect([exit, stderr]).toEqual([
        2,
        'regferry: there is no command of that name (see: regferry help)\n',
      ]);
    }
  });

  it('is taken out of whatever is told later', async () => {
    const digest = () =>
      Promise.reject(new RegferryError('E_DENIED', `it said ${encodeURIComponent(secret)}`));
    const { stderr } = await run(['digest', `r.example/mia@${secret}`, '-p', secret], { digest });
    expect(stderr).not.toContain('canary');
  });
});

describe('a secret in the environment', () => {
  it.each([
    'REGFERRY_RETRIES',
    'REGFERRY_PASSWORD_STDIN',
    'REGFERRY_LOG_FORMAT',
    'REGFERRY_IDLE_TIMEOUT',
    'REGFERRY_JSON',
  ])('is not repeated where it was put into %s', async (name) => {
    const io = fakeIo({ env: { [name]: secret } });
    const { exit, stdout, stderr } = await run(['digest', 'app'], {}, io);
    expect(exit).toBe(2);
    expect(`${stdout}${stderr}`).not.toContain('canary');
  });

  it.each([
    { REGFERRY_PASSWORD: secret, REGFERRY_USERNAME: 'mia' },
    { REGFERRY_FROM_PASWORD: secret },
    { HTTPS_PROXY: `http://mia:${encodeURIComponent(secret)}@proxy:3128` },
  ])('is taken out of whatever is told: %j', async (env) => {
    const digest = () => Promise.reject(new RegferryError('E_DENIED', `it said ${JSON.stringify(secret)}`));
    for (const more of [[], ['--json'], ['--log-format', 'json', '--log-level', 'debug']]) {
      const { stdout, stderr } = await run(['digest', 'app', ...more], { digest }, fakeIo({ env }));
      expect(stderr).toContain('it said');
      expect(`${stdout}${stderr}`).not.toContain('canary');
    }
  });
});
