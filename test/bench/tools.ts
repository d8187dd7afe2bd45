import { fileURLToPath } from 'node:url';

import { findProgram } from '../support/child.js';

/** A program that copies images. */
export interface Tool {
  readonly name: string;
  /** The command that copies one reference to another, both on plain http, all platforms. */
  readonly copy: (source: string, target: string) => readonly [program: string, ...args: string[]];
}

const regferry = fileURLToPath(new URL('../../../../../bin/regferry.js', import.meta.url));

const known: readonly Tool[] = [
  { name: 'crane', copy: (source, target) => ['crane', 'copy', '--insecure', source, target] },
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
];

/** regferry, and every peer that is on the PATH. */
export function tools(): readonly Tool[] {
  const own: Tool = {
    name: 'regferry',
    copy: (source, target) => [
      process.execPath,
      regferry,
      'copy',
      '--quiet',
      '--from-plain-http',
      '--to-plain-http',
      source,
      target,
    ],
  };
  return [own, ...known.filter(({ name }) => findProgram(name) !== undefined)];
}
