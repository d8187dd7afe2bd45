import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Path below src/, with slashes, to source text. */
type Sources = ReadonlyMap<string, string>;

/** One import, export-from or import type; `target` is a path below src/, or what was written for a package. */
interface Edge {
  readonly from: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const library = [
  'api',
  'serve',
  'place',
  'copy',
  'graph',
  'registry',
  'auth',
  'http',
  'content',
  'spec',
  'errors',
  'secrets',
  'version',
];

/** The rooms, the highest first, each with the rooms that it may import beside itself. */
const layers: Readonly<Record<string, readonly string[]>> = {
  index: library,
  cli: ['index', ...library],
  api: [
    'serve',
    'place',
    'copy',
    'graph',
    'registry',
    'auth',
    'http',
    'content',
    'spec',
    'errors',
    'secrets',
    'version',
  ],
  serve: ['content', 'spec', 'errors'],
  place: ['content', 'spec', 'errors'],
  copy: ['graph', 'content', 'spec', 'errors'],
  graph: ['content', 'spec', 'errors'],
  registry: ['auth', 'http', 'content', 'spec', 'errors', 'secrets', 'version'],
  auth: ['http', 'content', 'spec', 'errors', 'secrets', 'version'],
  http: ['content', 'spec', 'errors', 'secrets', 'version'],
  content: ['spec', 'errors'],
  spec: ['errors'],
  errors: [],
  secrets: [],
  version: [],
};

/** The first folder, or the file's name for those directly in src/. */
function roomOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : basename(path, '.ts');
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true);
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}

function contains(node: ts.Node, test: (node: ts.Node) => boolean): boolean {
  return test(node) || (ts.forEachChild(node, (child) => contains(child, test) || undefined) ?? false);
}

function edgesOf(path: string, text: string): Edge[] {
  const edges: Edge[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const { text: written } = specifier;
    const target = written.startsWith('.')
      ? posix.join(posix.dirname(path), written).replace(/\.js$/, '.ts')
      : written;
    edges.push({ from: path, target, typeOnly });
  };
  visit(parse(path, text), (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
  });
  return edges;
}

function innerEdges(sources: Sources): Edge[] {
  return [...sources]
    .flatMap(([path, text]) => edgesOf(path, text))
    .filter(({ target }) => sources.has(target));
}

function layerBreaks(sources: Sources): string[] {
  const strangers = [...sources.keys()].filter((path) => !(roomOf(path) in layers));
  const upward = innerEdges(sources).filter(({ from, target, typeOnly }) => {
    const room = roomOf(from);
    const wanted = roomOf(target);
    if (room === wanted) return false;
    // The engine hands on what the transport tells, so it knows the shapes of that, and no more.
    if (room === 'copy' && target === 'http/message.ts' && typeOnly) return false;
    return !layers[room]?.includes(wanted);
  });
  return [
    ...strangers.map((path) => `${path} is in no known room`),
    ...upward.map(({ from, target }) => `${from} imports ${target}`),
  ];
}

/** The imports of each circle, `a -> b -> a`, once. */
function circles(sources: Sources): string[] {
  const targets = new Map<string, string[]>();
  for (const { from, target } of innerEdges(sources))
    targets.set(from, [...(targets.get(from) ?? []), target]);
  const found = new Set<string>();
  const done = new Set<string>();
  const walk = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      found.add([...trail.slice(start), path].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    for (const target of targets.get(path) ?? []) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const path of targets.keys()) walk(path, []);
  return [...found];
}

function readsEnvironment(node: ts.Node): boolean {
  const isProcess = (expression: ts.Node) => /^(?:globalThis\.)?process$/.test(expression.getText());
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'env' && isProcess(node.expression);
  if (ts.isElementAccessExpression(node)) {
    const { argumentExpression: key } = node;
    return isProcess(node.expression) && (!ts.isStringLiteralLike(key) || key.text === 'env');
  }
  if (ts.isImportDeclaration(node)) return /['"](?:node:)?process['"]/.test(node.moduleSpecifier.getText());
  return (
    ts.isVariableDeclaration(node) &&
    ts.isObjectBindingPattern(node.name) &&
    node.initializer !== undefined &&
    isProcess(node.initializer) &&
    node.name.elements.some((element) => (element.propertyName ?? element.name).getText() === 'env')
  );
}

function environmentReaders(sources: Sources): string[] {
  const allowed = /^cli\/|^api\/environment[^/]*\.ts$/;
  return [...sources]
    .filter(([path]) => !allowed.test(path))
    .filter(([path, text]) => contains(parse(path, text), readsEnvironment))
    .map(([path]) => path);
}

/** The strings that speak of a flag (`--insecure`) below the command line: the library's options have other names. */
function flagSpeakers(sources: Sources): string[] {
  const isText = (node: ts.Node): node is ts.LiteralLikeNode =>
    ts.isStringLiteralLike(node) || ts.isTemplateLiteralToken(node) || ts.isRegularExpressionLiteral(node);
  return [...sources]
    .filter(([path]) => roomOf(path) !== 'cli')
    .flatMap(([path, text]) => {
      const found: string[] = [];
      visit(parse(path, text), (node) => {
        if (isText(node) && /(?<![\w-])--[a-z]/.test(node.text)) found.push(`${path}: ${node.text}`);
      });
      return found;
    });
}

function emptyNames(sources: Sources): string[] {
  const empty = /(?:^|\/)(?:util|helper|common|misc|(?:[a-z-]+-)?(?:utils|helpers))(?:\.ts$|\/)/;
  return [...sources.keys()].filter((path) => empty.test(path));
}

function defaultExporters(sources: Sources): string[] {
  const isDefault = (node: ts.Node): boolean => {
    if (ts.isExportAssignment(node)) return true;
    if (ts.isExportSpecifier(node)) return node.name.text === 'default';
    return (
      ts.canHaveModifiers(node) &&
      (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)
    );
  };
  return [...sources].filter(([path, text]) => contains(parse(path, text), isDefault)).map(([path]) => path);
}

function readSources(): Sources {
  const src = join(root, 'src');
  const files = readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    files.map((file) => [relative(src, file).split(sep).join('/'), readFileSync(file, 'utf8')] as const),
  );
}

describe('the source', () => {
  const sources = readSources();

  it('imports downwards only', () => {
    expect(layerBreaks(sources)).toEqual([]);
  });

  it('has no circle of imports', () => {
    expect(circles(sources)).toEqual([]);
  });

  it('reads the environment in the command line and in api/environment alone', () => {
    expect(environmentReaders(sources)).toEqual([]);
  });

  it('speaks of flags in the command line alone', () => {
    expect(flagSpeakers(sources)).toEqual([]);
  });

  it('has no file whose name says nothing', () => {
    expect(emptyNames(sources)).toEqual([]);
  });

  it('has no default exports', () => {
    expect(defaultExporters(sources)).toEqual([]);
  });
});

describe('the check itself', () => {
  const plant = (files: Record<string, string>): Sources => new Map(Object.entries(files));

  it.each([
    ['an import', `import { a } from '../http/transport.js';`],
    ['a type import', `import type { A } from '../http/transport.js';`],
    ['an import for its effect', `import '../http/transport.js';`],
    ['an export from', `export { a } from '../http/transport.js';`],
    ['an import type', `let a: import('../http/transport.js').A;`],
    ['a dynamic import', `const a = await import('../http/transport.js');`],
  ])('finds %s that goes upwards', (_, text) => {
    const found = layerBreaks(plant({ 'content/verify.ts': text, 'http/transport.ts': '' }));
    expect(found).toEqual(['content/verify.ts imports http/transport.ts']);
  });

  it('lets the engine import types of http/message.ts, and nothing else of http', () => {
    const sources = plant({
      'copy/a.ts': `import type { M } from '../http/message.js';`,
      'copy/b.ts': `import { m } from '../http/message.js';`,
      'copy/c.ts': `import type { T } from '../http/transport.js';`,
      'http/message.ts': '',
      'http/transport.ts': '',
    });
    expect(layerBreaks(sources)).toEqual([
      'copy/b.ts imports http/message.ts',
      'copy/c.ts imports http/transport.ts',
    ]);
  });

  it('keeps serve and copy apart, and the public index from the command line', () => {
    const sources = plant({
      'serve/a.ts': `import '../copy/a.js';`,
      'copy/a.ts': `import '../registry/a.js';`,
      'registry/a.ts': '',
      'cli/a.ts': '',
      'index.ts': `export * from './cli/a.js';`,
      'stray/a.ts': '',
    });
    expect(layerBreaks(sources)).toEqual([
      'stray/a.ts is in no known room',
      'serve/a.ts imports copy/a.ts',
      'copy/a.ts imports registry/a.ts',
      'index.ts imports cli/a.ts',
    ]);
  });

  it('finds a circle, and lets a diamond pass', () => {
    const circle = plant({
      'spec/a.ts': `import './b.js';`,
      'spec/b.ts': `import type { C } from './c.js';`,
      'spec/c.ts': `import './a.js';`,
    });
    const diamond = plant({
      'spec/a.ts': `import './b.js'; import './c.js';`,
      'spec/b.ts': `import './d.js';`,
      'spec/c.ts': `import './d.js';`,
      'spec/d.ts': '',
    });
    expect(circles(circle)).toEqual(['spec/a.ts -> spec/b.ts -> spec/c.ts -> spec/a.ts']);
    expect(circles(diamond)).toEqual([]);
  });

  it.each([
    'process.env.HOME',
    `process['env']`,
    'globalThis.process.env',
    'const { env: e } = process',
    `import { env } from 'node:process'`,
  ])('finds %s outside of its places', (text) => {
    const sources = plant({ 'http/a.ts': text, 'api/environment-proxy.ts': text, 'cli/a.ts': text });
    expect(environmentReaders(sources)).toEqual(['http/a.ts']);
  });

  it('does not take other mentions for a read of the environment', () => {
    const text = `// process.env is read elsewhere\nprocess.getuid?.(); options.env; const { argv } = process;`;
    expect(environmentReaders(plant({ 'http/a.ts': text }))).toEqual([]);
  });

  it.each([
    [`f('try --insecure')`, 'http/a.ts: try --insecure'],
    ['f(`a ${b} (--ca-file) ${c}`)', 'http/a.ts:  (--ca-file) '],
    ['f(`--quiet`)', 'http/a.ts: --quiet'],
  ])('finds a flag in %s, and lets the command line name it', (text, found) => {
    expect(flagSpeakers(plant({ 'http/a.ts': text, 'cli/a.ts': text }))).toEqual([found]);
  });

  it('takes neither a comment nor a line of dashes for a flag', () => {
    const text = `// --insecure\n/** \`--quiet\` */ f('-----begin', 'a--b', i--);`;
    expect(flagSpeakers(plant({ 'http/a.ts': text }))).toEqual([]);
  });

  it('finds empty names and default exports', () => {
    const sources = plant({
      'spec/utils.ts': '',
      'http/helpers/url.ts': '',
      'copy/blob-utils.ts': '',
      'spec/a.ts': 'export default 1;',
      'spec/b.ts': 'export default function f() {}',
      'spec/c.ts': 'const a = 1; export { a as default };',
      'auth/credential-helper.ts': 'export const a = 1;',
      'spec/common.ts': '',
    });
    expect(emptyNames(sources)).toEqual([
      'spec/utils.ts',
      'http/helpers/url.ts',
      'copy/blob-utils.ts',
      'spec/common.ts',
    ]);
    expect(defaultExporters(sources)).toEqual(['spec/a.ts', 'spec/b.ts', 'spec/c.ts']);
  });
});

describe('docs/errors.md', () => {
  it('explains every error code, and none that does not exist', () => {
    const codes = (text: string) => [...new Set(text.match(/\bE_[A-Z0-9_]+/g))].sort();
    const known = codes(readFileSync(join(root, 'src', 'errors.ts'), 'utf8'));
    const rows = readFileSync(join(root, 'docs', 'errors.md'), 'utf8').match(/^\| `E_[A-Z0-9_]+`/gm) ?? [];
    expect(rows.map((row) => row.slice(3, -1)).sort()).toEqual(known);
  });
});
