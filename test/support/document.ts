import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

/** A fenced block of a document. */
export interface Block {
  /** The heading above it. */
  readonly section: string;
  /** What stands behind the backquotes: `sh`, `json`, … */
  readonly language: string;
  readonly text: string;
}

/** Every fenced block of a document in Markdown, in order. Throws for a fence that is not closed. */
export function blocksOf(document: string): Block[] {
  const blocks: Block[] = [];
  let section = '';
  let open: { language: string; lines: string[] } | undefined;
  for (const line of readDocument(document).split('\n')) {
    const fence = /^```(.*)$/.exec(line)?.[1];
    if (open === undefined) {
      section = /^#+ (.*)$/.exec(line)?.[1] ?? section;
      if (fence !== undefined) open = { language: fence, lines: [] };
    } else if (fence === '') {
      blocks.push({ section, language: open.language, text: open.lines.join('\n') });
      open = undefined;
    } else open.lines.push(line);
  }
  if (open !== undefined) throw new Error(`${document}: a fence is not closed`);
  return blocks;
}

/** The text of a document, by its path from the project's folder. */
export function readDocument(document: string): string {
  return readFileSync(fileURLToPath(new URL(document, root)), 'utf8');
}

/**
 * What a CI job in YAML runs: the lines of `run: |` blocks (GitHub), and the items below `script:` (GitLab). It knows no
 * more of YAML than that.
 */
export function shellOfJob(yaml: string): string {
  const shell: string[] = [];
  let key: { name: 'run' | 'script'; column: number } | undefined;
  for (const line of yaml.split('\n')) {
    const column = line.search(/\S/);
    if (key !== undefined && column <= key.column) key = undefined;
    if (key?.name === 'run') shell.push(line.trim());
    if (key?.name === 'script') shell.push(line.trim().replace(/^- /, ''));
    if (/^\s*run: \|$/.test(line)) key = { name: 'run', column };
    if (/^\s*script:$/.test(line)) key = { name: 'script', column };
  }
  return shell.join('\n');
}
