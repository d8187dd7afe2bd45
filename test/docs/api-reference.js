// Writes docs/api.md: what src/index.ts exports, with the doc comments of the source. `node test/docs/api-reference.js`
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

import { format, resolveConfig } from 'prettier';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = join(root, 'docs', 'api.md');

/** Headings, by the folder or file in which something is declared, in the order of the page. */
const headings = new Map([
  ['api', 'Calls'],
  ['copy', 'Events and reports'],
  ['content', 'Content'],
  ['registry', 'Registries'],
  ['serve', 'Serving'],
  ['auth', 'Credentials'],
  ['http', 'Requests'],
  ['secrets', 'Secrets'],
  ['spec', 'References, digests and manifests'],
  ['errors', 'Errors'],
  ['version', 'Version'],
]);

/**
 * One thing that the library exports.
 * @typedef {{ name: string, heading: string, comment: string, declaration: string }} Entry
 */

/**
 * The page as it should be.
 * @returns {Promise<string>}
 */
export async function apiReference() {
  const entries = exported().map(({ name, file }) => entry(name, file));
  const sections = [...headings.values()].flatMap((heading) => {
    const own = entries.filter((each) => each.heading === heading);
    return own.length === 0 ? [] : [`## ${heading}`, ...own.map(written)];
  });
  const anchors = anchorsOf(entries);
  const text = [
    '# API reference',
    "What `import { … } from 'regferry'` gives, with the comments of the source. [library.md](library.md) shows how the parts go together, and [errors.md](errors.md) explains the error codes that are named here. This page is written by `node test/docs/api-reference.js`.",
    [...headings.values()].flatMap((heading) => listed(heading, entries, anchors)).join('\n'),
    ...sections,
  ].join('\n\n');
  return format(text, { ...(await resolveConfig(page)), parser: 'markdown' });
}

/**
 * Where each entry is on the page: names that differ in their letter case alone get a number from the second on.
 * @param {readonly Entry[]} entries
 * @returns {ReadonlyMap<Entry, string>}
 */
function anchorsOf(entries) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  const inOrder = [...headings.values()].flatMap((heading) =>
    entries.filter((each) => each.heading === heading),
  );
  return new Map(
    inOrder.map((each) => {
      const slug = each.name.toLowerCase();
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return [each, count === 0 ? slug : `${slug}-${count}`];
    }),
  );
}

/**
 * @param {string} heading
 * @param {readonly Entry[]} entries
 * @param {ReadonlyMap<Entry, string>} anchors
 * @returns {string[]}
 */
function listed(heading, entries, anchors) {
  const own = entries.filter((each) => each.heading === heading);
  const links = own.map((each) => `[${each.name}](#${anchors.get(each) ?? ''})`);
  return links.length === 0 ? [] : [`- ${heading}: ${links.join(', ')}`];
}

/**
 * Every name that src/index.ts exports, with the file in which it is declared.
 * @returns {{ name: string, file: string }[]}
 */
function exported() {
  const path = join(root, 'src', 'index.ts');
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023);
  return source.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement)) return [];
    const { moduleSpecifier, exportClause } = statement;
    if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) return [];
    if (exportClause === undefined || !ts.isNamedExports(exportClause)) return [];
    const file = join(dirname(path), moduleSpecifier.text.replace(/\.js$/, '.ts'));
    return exportClause.elements.map(({ name }) => ({ name: name.text, file }));
  });
}

/**
 * @param {string} name
 * @param {string} file
 * @returns {Entry}
 */
function entry(name, file) {
  const { outputText } = ts.transpileDeclaration(readFileSync(file, 'utf8'), {
    fileName: file,
    compilerOptions: { removeComments: false, stripInternal: true },
  });
  const declarations = ts.createSourceFile(file, outputText, ts.ScriptTarget.ES2023, true);
  const found = declarations.statements.find((statement) => namesOf(statement).includes(name));
  if (found === undefined) throw new Error(`${file} does not declare ${name}`);
  const start = found.getStart(declarations);
  const comments = ts.getLeadingCommentRanges(outputText, found.getFullStart()) ?? [];
  const comment = comments.at(-1);
  const room = file.slice(join(root, 'src').length + 1).replace(/(?:\/.*|\.ts)$/, '');
  const heading = headings.get(room);
  if (heading === undefined) throw new Error(`src/${room} has no heading on the page`);
  return {
    name,
    heading,
    comment: comment === undefined ? '' : prose(outputText.slice(comment.pos, comment.end)),
    declaration: tidy(outputText.slice(start, found.end)),
  };
}

/**
 * @param {ts.Statement} statement
 * @returns {string[]}
 */
function namesOf(statement) {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  }
  const isNamed =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement);
  return isNamed && statement.name !== undefined ? [statement.name.text] : [];
}

/**
 * A doc comment as text: without its stars, links by their names, @default and its like as sentences of their own.
 * @param {string} comment
 * @returns {string}
 */
function prose(comment) {
  return comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trimEnd())
    .join('\n')
    .replaceAll(/\{@link ([^}]+)\}/g, '`$1`')
    .replaceAll(/\s*@default (.*)/g, ' Default: $1')
    .replaceAll(/(?<![<(])(https:\/\/\S+)/g, '<$1>')
    .trim();
}

/**
 * A declaration as one would write it down to tell about it.
 * @param {string} declaration
 * @returns {string}
 */
function tidy(declaration) {
  return declaration
    .replace(/^export (?:declare )?/, '')
    .split('\n')
    .filter((line) => !/^\s*(?:#private;|private )/.test(line))
    .join('\n');
}

/**
 * @param {Entry} each
 * @returns {string}
 */
function written({ name, comment, declaration }) {
  return [`### ${name}`, comment, `\`\`\`ts\n${declaration}\n\`\`\``]
    .filter((part) => part !== '')
    .join('\n\n');
}

if (argv[1] === fileURLToPath(import.meta.url)) writeFileSync(page, await apiReference());
