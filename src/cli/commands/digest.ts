import { command, type Command } from '../command.js';
import { errorDocument, jsonText } from '../json.js';
import {
  type ConnectionOptions,
  connectionOptions,
  type OutputOptions,
  outputOptions,
  platformOption,
} from '../options.js';
import { requestOptions } from '../request-options.js';
import { registryOptions, type SideValues } from '../side-options.js';
import { readSide } from '../sides.js';

interface DigestValues extends SideValues, ConnectionOptions, OutputOptions {
  platform: string;
}

/** `regferry digest`: what an image's digest is. */
export const digestCommand: Command = command<DigestValues>({
  name: 'digest',
  summary: 'print the digest of an image',
  description: [
    'Prints the digest that a tag stands for, without fetching the image. That of an index covers all of its platforms; with --platform it is that of the one manifest.',
  ],
  arguments: { usage: '<image>', missing: ['the image'], most: 1 },
  examples: [
    ['regferry digest alpine:3.20', 'the digest of the index, or of the manifest where there is no index'],
    ['regferry digest --platform linux/arm64 alpine:3.20', 'the digest of one platform'],
    ['test "$(regferry digest $A)" = "$(regferry digest $B)"', 'are two tags the same image?'],
  ],
  options: {
    platform: platformOption(
      'the manifest of this platform in an index',
      'the digest of an index covers all platforms',
    ),
    ...registryOptions,
    ...connectionOptions,
    ...outputOptions,
  },
  failureDocument: ([image], { error, exit }) => ({
    ok: false,
    reference: image,
    error: errorDocument(error, false, exit),
  }),
  async run(call, values) {
    const [image = ''] = call.args;
    const source = await readSide(call);
    const api = await call.loadApi();
    const found = await api.digest(image, {
      ...requestOptions(call, values, api),
      source,
      platform: values.platform,
    });
    const { reference, digest, mediaType, size } = found;
    const document = { ok: true, reference, digest, mediaType, ...(size >= 0 && { size }) };
    await call.stdout.line(call.settings.json ? jsonText(document) : digest);
  },
});
