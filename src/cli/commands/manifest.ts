import { command, type Command } from '../command.js';
import {
  type ConnectionOptions,
  connectionOptions,
  logOptions,
  type OutputOptions,
  platformOption,
} from '../options.js';
import { requestOptions } from '../request-options.js';
import { registryOptions, type SideValues } from '../side-options.js';
import { readSide } from '../sides.js';

interface ManifestValues extends SideValues, ConnectionOptions, Omit<OutputOptions, 'json'> {
  platform: string;
}

/** `regferry manifest`: an image's manifest, byte for byte. */
export const manifestCommand: Command = command<ManifestValues>({
  name: 'manifest',
  summary: 'print the manifest of an image, byte for byte',
  description: [
    'Writes the manifest or index to stdout exactly as the registry has it, and nothing else, not even a line end: its SHA-256 is the digest. regferry digest --json tells its type and size.',
  ],
  arguments: { usage: '<image>', missing: ['the image'], most: 1 },
  examples: [
    ['regferry manifest alpine:3.20 | sha256sum', 'the digest, computed by another program'],
    ['regferry manifest --platform linux/arm64 alpine:3.20 | jq .layers', 'the layers of one platform'],
  ],
  options: {
    platform: platformOption('the manifest of this platform in an index', 'an index lists all platforms'),
    ...registryOptions,
    ...connectionOptions,
    ...logOptions,
  },
  async run(call, values) {
    const [image = ''] = call.args;
    const source = await readSide(call);
    const api = await call.loadApi();
    const { bytes } = await api.manifest(image, {
      ...requestOptions(call, values, api),
      source,
      platform: values.platform,
    });
    await call.stdout.write(bytes);
  },
});
