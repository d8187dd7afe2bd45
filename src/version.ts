import { readFileSync } from 'node:fs';

/** The version of this package, as in its package.json. */
export const version: string = readVersion();

/** What regferry calls itself to registries. */
export const userAgent: string = `regferry/${version}`;

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest) {
    if (typeof manifest.version === 'string') return manifest.version;
  }
  return '0.0.0';
}
