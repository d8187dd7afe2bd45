import { cpSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { findProgram, runProgram, type Output } from './child.js';

/** Programs that the steps of a Dockerfile use, besides node and npm. */
const programs = ['sh', 'env', 'mkdir', 'cp', 'ln'];

const npmPlace = '/usr/lib/node_modules/npm';

/** What a build has to mount for npm to be there in its steps. */
export function npmMount(): string {
  // npm-cli.js lies in npm's bin folder; what stands on the PATH is a link to it.
  return `${dirname(dirname(realpathSync(found('npm'))))}:${npmPlace}:ro`;
}

/** Debian's buildah, with storage of its own below a folder. Steps run in a chroot, with the network of this machine. */
export class Buildah {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Runs `buildah COMMAND …`. Rejects with its stderr when it fails. */
  run(command: string, ...args: readonly string[]): Promise<Output> {
    const storage = ['--root', join(this.#folder, 'storage'), '--runroot', join(this.#folder, 'run')];
    const env = { HOME: this.#folder, BUILDAH_ISOLATION: 'chroot' };
    return runProgram('buildah', [...storage, command, ...args], { env, timeoutMs: 180_000 });
  }

  /**
   * Commits an image of the node that runs here, the few programs beside it, and the libraries of all of them. Its npm is a
   * link to where {@link npmMount} puts this machine's, whose thousands of files are not worth a copy.
   */
  async commitBase(name: string): Promise<void> {
    const root = join(this.#folder, 'base');
    await fillBase(root);
    const container = (await this.run('from', 'scratch')).stdout.toString().trim();
    await this.run('copy', '--quiet', container, root, '/');
    await this.run('config', '--env', 'PATH=/usr/local/bin:/usr/bin', container);
    await this.run('commit', '--quiet', '--rm', container, name);
  }
}

async function fillBase(root: string): Promise<void> {
  for (const folder of [
    'usr/bin',
    'usr/local/bin',
    'usr/lib',
    'etc/ssl/certs',
    'proc',
    'sys',
    'dev',
    'root',
  ]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  mkdirSync(join(root, 'tmp'), { mode: 0o1777 });
  symlinkSync('usr/bin', join(root, 'bin'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  await addProgram(root, process.execPath, 'usr/local/bin/node');
  for (const program of programs) await addProgram(root, found(program), `usr/bin/${program}`);
  symlinkSync(`${npmPlace}/bin/npm-cli.js`, join(root, 'usr/local/bin/npm'));
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(certificates)) cpSync(certificates, join(root, certificates));
}

async function addProgram(root: string, program: string, place: string): Promise<void> {
  const path = realpathSync(program);
  cpSync(path, join(root, place));
  const { stdout } = await runProgram('ldd', [path]);
  for (const [, library = ''] of stdout.toString().matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)) {
    const copy = join(root, library);
    if (existsSync(copy)) continue;
    mkdirSync(dirname(copy), { recursive: true });
    cpSync(realpathSync(library), copy);
  }
}

function found(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not on the PATH`);
  return path;
}
