import { printable } from '../../spec/printable.js';
import { type Call, command, type Command } from '../command.js';
import { errorDocument, jsonText } from '../json.js';
import { type ConnectionOptions, connectionOptions, type OutputOptions, outputOptions } from '../options.js';
import { requestOptions } from '../request-options.js';
import { registryOptions, type SideValues } from '../side-options.js';
import { readSide } from '../sides.js';

interface TagsValues extends SideValues, ConnectionOptions, OutputOptions {}

/** `regferry tags`: the tags of a repository. */
export const tagsCommand: Command = command<TagsValues>({
  name: 'tags',
  summary: 'list the tags of a repository',
  description: [
    'Prints one tag a line, in the order in which the registry tells them, as they come. oci:FOLDER lists the tags of an OCI layout.',
  ],
  arguments: { usage: '<repository>', missing: ['the repository'], most: 1 },
  examples: [
    ['regferry tags registry.example.com/team/app', 'every tag'],
    ['regferry tags alpine | grep ^3 | sort -V | tail -1', 'the newest 3.x'],
  ],
  options: { ...registryOptions, ...connectionOptions, ...outputOptions },
  failureDocument: ([repository], { error, exit }) => ({
    ok: false,
    repository,
    tags: [],
    error: errorDocument(error, false, exit),
  }),
  async run(call, values) {
    const [repository = ''] = call.args;
    const source = await readSide(call);
    const api = await call.loadApi();
    const tags = api.tags(repository, { ...requestOptions(call, values, api), source });
    if (call.settings.json) await writeDocument(call, repository, tags);
    else await writeLines(call, tags);
  },
});

async function writeLines(call: Call, tags: AsyncIterable<string>): Promise<void> {
  for await (const tag of tags) await call.stdout.line(printable(tag));
}

async function writeDocument(call: Call, repository: string, tags: AsyncIterable<string>): Promise<void> {
  const all: string[] = [];
  for await (const tag of tags) all.push(tag);
  await call.stdout.line(jsonText({ ok: true, repository, tags: all }));
}
