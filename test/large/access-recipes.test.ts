import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { findEntry, parseDockerConfig } from '../../src/auth/docker-config.js';
import { allOptions } from '../../src/cli/commands.js';
import { variableOf } from '../../src/cli/env-options.js';
import type { MemoryStore } from '../../src/content/memory-store.js';
import { testCertificates } from '../support/certificates.js';
import { runProgram } from '../support/child.js';
import { makeCredentialHelper } from '../support/credential-helper.js';
import { startDockerRegistry, type DockerRegistry } from '../support/docker-registry.js';
import { blocksOf, readDocument, shellOfJob } from '../support/document.js';
import { blob, imageManifest, indexOf, seed } from '../support/fixtures.js';
import { requirePrograms } from '../support/programs.js';
import { startStandIns, type StandInOptions, type StandIns } from '../support/stand-ins.js';
import { makeTempFolder, removeTempFolder } from '../support/temp.js';
import { startTunnel, type Tunnel } from '../support/tunnel.js';

const document = 'docs/authentication.md';
const blocks = blocksOf(document);
const bin = fileURLToPath(new URL('../../bin/regferry.js', import.meta.url));
const run = promisify(execFile);

const image = indexOf(
  ['amd64', 'arm64'].map((architecture, at) => ({
    image: imageManifest({ layers: [blob(500 + at, at)], platform: { os: 'linux', architecture } }),
    fields: { platform: { os: 'linux', architecture } },
  })),
);

const ecr = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
const nobodyPulls = { anonymous: () => false };

/** The services that the document is about, each asking for a login in its own way. */
const standIns: readonly StandInOptions[] = [
  {
    host: 'registry-1.docker.io',
    users: [{ user: 'acme', password: 'token-of-hub' }],
    tokens: {
      realm: 'https://auth.docker.io/token',
      service: 'registry.docker.io',
      anonymous: (repository, action) => repository.startsWith('library/') && action === 'pull',
    },
  },
  {
    host: 'ghcr.io',
    users: [
      { user: 'octocat', password: 'token-of-octocat' },
      { user: 'hubot', password: 'token-of-the-job' },
    ],
    tokens: { realm: 'https://ghcr.io/token', service: 'ghcr.io', fields: ['token'], ...nobodyPulls },
  },
  {
    host: 'registry.gitlab.com',
    users: [
      { user: 'gitlab+deploy-token-1', password: 'token-of-gitlab' },
      { user: 'gitlab-ci-token', password: 'token-of-the-job' },
    ],
    tokens: {
      realm: 'https://gitlab.com/jwt/auth',
      service: 'container_registry',
      fields: ['token'],
      ...nobodyPulls,
    },
  },
  { host: ecr, users: [{ user: 'AWS', password: 'password-of-12-hours' }] },
  {
    host: 'europe-docker.pkg.dev',
    users: [
      { user: 'oauth2accesstoken', password: 'token-of-an-hour' },
      { user: '_json_key', password: '{ "type": "service_account" }' },
    ],
    tokens: {
      realm: 'https://europe-docker.pkg.dev/v2/token',
      service: 'europe-docker.pkg.dev',
      postStatus: 404,
    },
  },
  {
    host: 'acmeregistry.azurecr.io',
    users: [{ user: '00000000-0000-0000-0000-000000000000', password: 'refresh-token' }],
    tokens: {
      realm: 'https://acmeregistry.azurecr.io/oauth2/token',
      service: 'acmeregistry.azurecr.io',
      fields: ['access_token'],
      expiresIn: null,
    },
  },
  {
    host: 'quay.io',
    users: [{ user: 'acme+ci', password: 'token-of-quay' }],
    tokens: { realm: 'https://quay.io/v2/auth', service: 'quay.io', fields: ['token'], expiresIn: null },
  },
  {
    host: 'harbor.example.com',
    users: [{ user: 'robot$acme+ci', password: 'secret-of-harbor' }],
    tokens: { realm: 'https://harbor.example.com/service/token', service: 'harbor-registry' },
  },
  { host: 'registry.example.com', users: [{ user: 'ci', password: 'token-of-ci' }] },
];

/** What is there before a recipe is run. */
const seeded: readonly (readonly [host: string, repository: string, tag: string])[] = [
  ['registry-1.docker.io', 'library/alpine', '3.20'],
  ['registry-1.docker.io', 'acme/app', '1.4.2'],
  ['ghcr.io', 'acme/app', 'c0ffee'],
  ['registry.gitlab.com', 'acme/app', '1.4.2'],
  ['registry.gitlab.com', 'acme/app', 'c0ffee'],
  ['registry.example.com', 'app', '1.4.2'],
];

/** What each section leaves where. A section with commands that is not here fails. */
const results: Readonly<
  Record<string, readonly (readonly [host: string, repository: string, tag: string])[]>
> = {
  'Logging in and out': [
    ['registry.example.com', 'app', 'prod'],
    [ecr, 'app', '1.4.2'],
  ],
  'Docker Hub': [['registry-1.docker.io', 'acme/app', 'prod']],
  'GitHub Container Registry (GHCR)': [['ghcr.io', 'acme/alpine', '3.20']],
  'GitHub Actions': [['ghcr.io', 'acme/app', 'prod']],
  GitLab: [['registry.gitlab.com', 'acme/app', 'prod']],
  'Inside GitLab CI': [['registry.gitlab.com', 'acme/app', 'prod']],
  'Amazon (ECR)': [[ecr, 'alpine', '3.20']],
  'Google Artifact Registry (GAR)': [['europe-docker.pkg.dev', 'acme-project/images/alpine', '3.20']],
  'Azure (ACR)': [['acmeregistry.azurecr.io', 'alpine', '3.20']],
  Quay: [['quay.io', 'acme/alpine', '3.20']],
  Harbor: [['harbor.example.com', 'acme/alpine', '3.20']],
  'A private registry with a self-signed certificate': [],
};

/** What the text says that its reader has in the environment. */
const variables = {
  TOKEN: 'token-of-ci',
  DOCKERHUB_TOKEN: 'token-of-hub',
  GITHUB_PAT: 'token-of-octocat',
  GITHUB_TOKEN: 'token-of-the-job',
  GITHUB_ACTOR: 'hubot',
  GITHUB_REPOSITORY: 'acme/app',
  GITHUB_SHA: 'c0ffee',
  GITLAB_TOKEN: 'token-of-gitlab',
  CI_REGISTRY: 'registry.gitlab.com',
  CI_REGISTRY_USER: 'gitlab-ci-token',
  CI_REGISTRY_PASSWORD: 'token-of-the-job',
  CI_REGISTRY_IMAGE: 'registry.gitlab.com/acme/app',
  CI_COMMIT_SHA: 'c0ffee',
  QUAY_TOKEN: 'token-of-quay',
  HARBOR_SECRET: 'secret-of-harbor',
};

/** Other people's programs: each takes one command line and prints one secret. */
const programs = {
  aws: ['ecr get-login-password --region eu-central-1', 'password-of-12-hours'],
  gcloud: ['auth print-access-token', 'token-of-an-hour'],
  az: ['acr login --name acmeregistry --expose-token --output tsv --query accessToken', 'refresh-token'],
} as const;

/** The sections with commands, each with all that it tells to run. */
const recipes = new Map<string, string>();
for (const { section, language, text } of blocks) {
  const shell = language === 'sh' ? text : language === 'yaml' ? shellOfJob(text) : undefined;
  if (shell !== undefined) recipes.set(section, [recipes.get(section), shell].filter(Boolean).join('\n'));
}

describe(`the blocks of ${document}`, () => {
  it('are for the shell, a CI job or a file, and all of them are tested here', () => {
    expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(['sh', 'yaml', 'json']));
    expect([...recipes.keys()].sort()).toEqual(Object.keys(results).sort());
    for (const { language, text } of blocks) {
      const shell = language === 'yaml' ? shellOfJob(text) : text;
      const named = (given: string): number =>
        given.split('\n').filter((line) => line.includes('regferry ')).length;
      expect(named(shell)).toBe(named(text));
      if (language !== 'json') expect(named(shell)).toBeGreaterThan(0);
    }
  });

  it('and the text around them name options and variables that exist', () => {
    const text = readDocument(document);
    const known = new Set(Object.keys(allOptions));
    const options = [...text.matchAll(/`(--[a-z-]+)(?: [A-Z]+)?`/g)].map(([, option = '']) =>
      option.slice(2),
    );
    expect(options.length).toBeGreaterThan(20);
    expect(options.filter((option) => !known.has(option) && !/^(?:from|to)-$/.test(option))).toEqual([]);
    const passwords = ['', 'from-', 'to-'].map((side) => variableOf(`${side}password`));
    const names = new Set([...text.matchAll(/REGFERRY_[A-Z_]+/g)].map(([name]) => name));
    const settable = new Set([...known].map(variableOf).concat(passwords));
    expect([...names].filter((name) => !settable.has(name))).toEqual([]);
  });

  it('in JSON are configurations, with two logins for one registry', () => {
    const [namespaced = '', ...others] = blocks
      .filter(({ language }) => language === 'json')
      .map(({ text }) => text);
    for (const other of others) parseDockerConfig(other, document);
    const config = parseDockerConfig(namespaced, document);
    const keys = ['team-a/app', 'team-b/app'].map(
      (repository) => findEntry(config, { registry: 'registry.example.com', repository })?.key,
    );
    expect(keys).toEqual(['registry.example.com/team-a', 'registry.example.com/team-b']);
  });
});

requirePrograms(
  'docker-registry',
  'htpasswd',
  'openssl',
)(`the commands of ${document}`, () => {
  let services: StandIns;
  let tunnel: Tunnel;
  let internal: DockerRegistry;
  let folder: string;
  let authority: string;

  beforeAll(async () => {
    folder = makeTempFolder('recipes');
    authority = (await testCertificates()).ca;
    services = await startStandIns(standIns);
    for (const [host, repository, tag] of seeded) await seed(storeAt(host, repository), image, tag);
    const pair = { certificate: join(folder, 'registry.pem'), key: join(folder, 'registry.key') };
    await runProgram('openssl', [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', '/CN=registry.internal', '-addext', 'subjectAltName=DNS:registry.internal'],
      ...['-keyout', pair.key, '-out', pair.certificate],
    ]);
    const htpasswd = { user: 'ci', password: variables.TOKEN };
    internal = await startDockerRegistry({ auth: { htpasswd }, tls: pair });
    tunnel = await startTunnel((target) => {
      if (target === 'registry.internal:5000') return internal.port;
      const [, host = ''] = /^(.+):443$/.exec(target) ?? [];
      return services.names.has(host) ? services.port : undefined;
    });
    writePrograms();
  });
  afterAll(async () => {
    await Promise.all([services.stop(), tunnel.stop(), internal.stop()]);
    removeTempFolder(folder);
  });

  function storeAt(host: string, repository: string): MemoryStore {
    const service = services.services.get(host);
    if (service === undefined) throw new Error(`there is no stand-in for ${host}`);
    return service.content.store(repository);
  }

  function writePrograms(): void {
    const programFolder = join(folder, 'bin');
    mkdirSync(programFolder);
    const write = (name: string, text: string): void => {
      writeFileSync(join(programFolder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    };
    write('regferry', `exec '${process.execPath}' '${bin}' "$@"`);
    for (const [name, [args, secret]] of Object.entries(programs)) {
      write(name, `[ "$*" = '${args}' ] || exit 64\necho '${secret}'`);
    }
  }

  /** Runs shell commands as they stand, in a home folder of their own, on a machine that reaches stand-ins alone. */
  async function runShell(script: string, path = process.env['PATH'] ?? ''): Promise<void> {
    const home = makeTempFolder('recipe');
    copyFileSync(join(folder, 'registry.pem'), join(home, 'registry.pem'));
    writeFileSync(join(home, 'key.json'), '{ "type": "service_account" }');
    const env = {
      ...variables,
      PATH: `${join(folder, 'bin')}:${path}`,
      HOME: home,
      TMPDIR: home,
      HTTPS_PROXY: tunnel.url,
      SSL_CERT_FILE: authority,
    };
    try {
      await run('sh', ['-eu', '-c', script], { cwd: home, env });
    } finally {
      removeTempFolder(home);
    }
  }

  it.concurrent.each([...recipes].map(([section, script]) => ({ section, script })))(
    'do what they say: $section',
    async ({ section, script }) => {
      await runShell(script);
      for (const [host, repository, tag] of results[section] ?? []) {
        expect(storeAt(host, repository).tagged(tag), `${host}/${repository}`).toBe(
          image.root.descriptor.digest,
        );
      }
    },
  );

  it('have logged in as every user that they tell of, and have gone nowhere else', async () => {
    for (const { host, users } of standIns) {
      const expected = new Set<string | undefined>(users.map(({ user }) => user));
      // Public images are pulled without a login.
      if (host === 'registry-1.docker.io') expected.add(undefined);
      expect(services.services.get(host)?.users(), host).toEqual(expected);
    }
    const requests = await internal.settledRequests();
    expect(
      requests.filter(({ method, status }) => method === 'PUT' && status === 201).length,
    ).toBeGreaterThan(0);
    expect(tunnel.unknown).toEqual([]);
  });

  it('need no login to Amazon where docker’s file names the helper as it is told', async () => {
    const config = blocks.find(({ section, language }) => section === 'Amazon (ECR)' && language === 'json');
    const helper = makeCredentialHelper({
      name: 'ecr-login',
      logins: { [ecr]: { Username: 'AWS', Secret: 'password-of-12-hours' } },
    });
    try {
      const file = `mkdir .docker && cat > .docker/config.json <<'END'\n${config?.text ?? ''}\nEND`;
      await runShell(`${file}\nregferry digest ${ecr}/alpine:3.20`, helper.path);
      expect(helper.calls()).toEqual([`get ${ecr}`]);
    } finally {
      helper.remove();
    }
  });
});
