import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { runProgram } from './child.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Packs regferry with npm, as it would be published, and its dependencies with it, so that it can be installed where there
 * is no network. Returns the path of the tarball, in `folder`.
 */
export async function packRegferry(folder: string): Promise<string> {
  const env = { HOME: folder, npm_config_update_notifier: 'false' };
  await runProgram('npm', ['pack', root, '--ignore-scripts', '--silent', '--pack-destination', folder], {
    env,
  });
  const { name, version } = readPackage();
  const packed = join(folder, `${name}-${version}.tgz`);
  await runProgram('tar', ['-xzf', packed, '-C', folder]);
  const manifest = join(folder, 'package', 'package.json');
  const { dependencies, ...fields } = JSON.parse(readFileSync(manifest, 'utf8')) as Package;
  const bundled = { ...fields, dependencies, bundleDependencies: Object.keys(dependencies) };
  writeFileSync(manifest, JSON.stringify(bundled));
  for (const path of productionPaths()) {
    cpSync(join(root, path), join(folder, 'package', path), { recursive: true });
  }
  await runProgram('tar', ['-czf', packed, '-C', folder, 'package']);
  return packed;
}

interface Package {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

function readPackage(): Package {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package;
}

/** Where the dependencies lie that a user of regferry gets, as in `node_modules/undici`. */
export function productionPaths(): string[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path]) => path);
}
