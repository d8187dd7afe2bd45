import type { TagsOptions } from '../content/store.js';
import { RegferryError } from '../errors.js';
import { printable } from '../spec/printable.js';
import { isTag } from '../spec/reference.js';
import { isAbsentList, noRepository } from './absence.js';
import type { RegistryCall } from './client.js';
import { nameOf, scopeOf, type RepositoryContext } from './context.js';
import { getDocument, isMarkup, unread, type Document } from './document.js';
import { tagsPath } from './endpoints.js';
import { TAG_LIMITS, type TagLimits } from './limits.js';
import { PAGE, nextPage } from './next-page.js';

/** Names that are no tags and are shown; of the rest the number is told. */
const SHOWN = 10;

/**
 * The repository's tags, each once (spec end-8), page after page by the Link header, on the registry's own origin alone. The
 * list ends with a page that brings no new tag, whatever its Link says; names that no tag can have are left out, and said
 * at the end. Throws E_NOT_FOUND, E_LIMIT (over 10,000 pages, a million tags or 32 MiB a page), E_REFUSED (a page that is
 * no tag list).
 */
export async function* listTags(
  context: RepositoryContext,
  options: TagsOptions,
  limits: TagLimits = TAG_LIMITS,
): AsyncGenerator<string> {
  const seen = new Set<string>();
  const others = new Set<string>();
  const say = (what: string): void => options.onLeftOut?.({ message: `${nameOf(context)}: ${what}` });
  let target: string | undefined = tagsPath(context.repository, PAGE);
  for (let pages = 0; target !== undefined; pages += 1) {
    if (pages >= limits.pages) throw failure(context, 'E_LIMIT', `it has more than ${limits.pages} pages`);
    const page: Page = await readPage(context, target, limits, options);
    const before = seen.size;
    for (const name of page.others) others.add(name);
    for (const tag of page.tags) {
      if (seen.has(tag)) continue;
      if (seen.size >= limits.tags) throw failure(context, 'E_LIMIT', `it has more than ${limits.tags} tags`);
      seen.add(tag);
      yield tag;
    }
    target = page.next;
    if (target === undefined || seen.size > before) continue;
    if (before > 0) say('what is behind a page that has no new tag, though it names another page');
    break;
  }
  if (others.size > 0) say(namesOf(others));
}

/** A page of the list. */
export interface Page {
  readonly tags: readonly string[];
  /** What stands in the list besides. */
  readonly others: readonly string[];
  readonly next: string | undefined;
}

async function readPage(
  context: RepositoryContext,
  target: string,
  limits: TagLimits,
  { signal }: TagsOptions,
): Promise<Page> {
  const call = { method: 'GET', target, scopes: [scopeOf(context)], signal } as const;
  const document = await listed(context, call, limits);
  return parsePage(context, document, signal);
}

/** The page, or why there is none: where the registry says that it does not know the repository, that in plain words. */
async function listed(
  context: RepositoryContext,
  call: RegistryCall,
  { pageBytes }: TagLimits,
): Promise<Document> {
  try {
    return await getDocument(context, call, pageBytes);
  } catch (error) {
    throw isAbsentList(error) ? noRepository(context, error) : error;
  }
}

/** What a page of the list says. Throws as {@link listTags}. */
export async function parsePage(
  context: RepositoryContext,
  document: Document,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const { response, bytes } = document;
  if (isMarkup(document) && !/^\s*\{/.test(bytes.subarray(0, 64).toString('latin1'))) {
    throw await context.client.failure(unread(document), 'GET', { signal });
  }
  const names = parseNames(context, bytes.toString('utf8'));
  const tags = names.filter((name): name is string => typeof name === 'string' && isTag(name));
  const others = names
    .filter((name) => typeof name !== 'string' || !isTag(name))
    .map((name) => (typeof name === 'string' ? name : JSON.stringify(name)));
  return { tags, others, next: nextPage(context.repository, response, tags.at(-1)) };
}

function parseNames(context: RepositoryContext, text: string): readonly unknown[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw failure(context, 'E_REFUSED', `the answer is not JSON: ${printable(text, 80)}`);
  }
  const tags: unknown =
    typeof body === 'object' && body !== null && Object.hasOwn(body, 'tags')
      ? Reflect.get(body, 'tags')
      : undefined;
  if (tags === undefined || tags === null) return [];
  if (!Array.isArray(tags)) throw failure(context, 'E_REFUSED', 'the answer is no tag list');
  return tags;
}

function namesOf(others: ReadonlySet<string>): string {
  const shown = [...others].slice(0, SHOWN).map((name) => `"${printable(name, 80)}"`);
  const more = others.size > SHOWN ? ` and ${others.size - SHOWN} more` : '';
  return `${shown.join(', ')}${more}, which no tag can be called`;
}

function failure(context: RepositoryContext, code: 'E_REFUSED' | 'E_LIMIT', why: string): RegferryError {
  return new RegferryError(code, `list tags of ${nameOf(context)}: ${why}`, {
    side: context.client.side,
  });
}
