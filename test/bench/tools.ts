import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findProgram } from '../support/child.js';

/** A program that copies images. */
export interface Tool {
  readonly name: string;
  /** The command that copies one reference to another, both on plain http, all platforms. */
  readonly copy?: (source: string, target: string) => Command;
  /** The same for all tags of a repository; `folder` is for a configuration. */
  readonly copyTags?: (source: string, target: string, folder: string) => Command;
}

type Command = readonly [program: string, ...args: string[]];

/** The program in this checkout. */
export const regferry: string = fileURLToPath(new URL('../../../../../bin/regferry.js', import.meta.url));

const known: readonly Tool[] = [
  {
    name: 'crane',
    copy: (source, target) => ['crane', 'copy', '--insecure', source, target],
    copyTags: (source, target) => ['crane', 'copy', '--insecure', '--all-tags', source, target],
  },
  {
    name: 'skopeo',
    copy: (source, target) => [
      'skopeo',
      'copy',
      '--all',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${source}`,
      `docker://${target}`,
    ],
  },
  {
    name: 'oras',
    copy: (source, target) => [
      'oras',
      'cp',
      '--no-tty',
      '--from-plain-http',
      '--to-plain-http',
      source,
      target,
    ],
  },
  { name: 'regctl', copy: (source, target) => ['regctl', 'image', 'copy', source, target] },
  {
    name: 'regsync',
    copyTags: (source, target, folder) => ['regsync', 'once', '-c', regsyncConfig(source, target, folder)],
  },
];

function regsyncConfig(source: string, target: string, folder: string): string {
  const path = join(folder, 'regsync.json');
  const registries = [source, target].map((repository) => repository.slice(0, repository.indexOf('/')));
  const config = {
    version: 1,
    creds: registries.map((registry) => ({ registry, tls: 'disabled' })),
    defaults: { parallel: 4 },
    sync: [{ source, target, type: 'repository' }],
  };
  writeFileSync(path, JSON.stringify(config)); // which is YAML, too
  return path;
}

/** regferry, and every peer that is on the PATH and can do it. */
export function tools(allTags: boolean): readonly Tool[] {
  const plain = ['--quiet', '--from-plain-http', '--to-plain-http'];
  const own: Tool = {
    name: 'regferry',
    copy: (...images) => [process.execPath, regferry, 'copy', ...plain, ...images],
    copyTags: (source, target) => [
      process.execPath,
      regferry,
      'copy',
      '--all-tags',
      ...plain,
      source,
      target,
    ],
  };
  const able = known.filter((tool) => (allTags ? tool.copyTags : tool.copy) !== undefined);
  return [own, ...able.filter(({ name }) => findProgram(name) !== undefined)];
}
