import { ERROR_CODES, ERROR_TEXT_LIMIT } from './limits.js';
import { printable } from '../spec/printable.js';

/** What an error's body says, made fit for one line of output. */
export interface ErrorBody {
  /** The codes of the specification's error format, or of S3's XML. */
  readonly codes: readonly string[];
  /** At most 500 characters; empty when the body says nothing. Starts with the code where there is one. */
  readonly text: string;
}

// Markup is looked at no further than this: the title comes first, and searching must stay cheap.
const MARKUP_LIMIT = 8 * 1024;

/**
 * Reads an error body of any form that registries and what stands in front of them send: the specification's
 * `{errors: [{code, message, detail}]}`, `{details}` (Docker Hub), `{message}`, `{error, error_description}` (token
 * servers), S3's XML, an HTML page's title, plain text, nothing. `redact` takes secrets out of whole texts, before any is
 * cut. Never throws.
 */
export function parseErrorBody(bytes: Uint8Array, redact: (text: string) => string = same): ErrorBody {
  const text = redact(new TextDecoder().decode(bytes).trim());
  const json = /^[[{]/.test(text) ? fromJson(text, redact) : undefined;
  const { codes, parts } = json ?? (text.startsWith('<') ? fromMarkup(text) : { codes: [], parts: [text] });
  const printed = parts
    .map((part) => printable(redact(part).replace(/\s+/g, ' ').trim(), ERROR_TEXT_LIMIT))
    .filter((part) => part !== '');
  return {
    codes: codes.slice(0, ERROR_CODES).map((code) => printable(redact(code), 64)),
    text: printable([...new Set(printed)].join('; '), ERROR_TEXT_LIMIT),
  };
}

function same(text: string): string {
  return text;
}

interface Found {
  readonly codes: readonly string[];
  readonly parts: readonly string[];
}

function fromJson(text: string, redact: (text: string) => string): Found | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return undefined;
  }
  const errors = field(document, 'errors');
  if (Array.isArray(errors) && errors.length > 0) {
    const entries: readonly unknown[] = errors.slice(0, ERROR_CODES);
    return {
      codes: entries.map((entry) => word(field(entry, 'code'))).filter((code) => code !== ''),
      parts: entries.map((entry) => entryText(entry, redact)),
    };
  }
  const error = field(document, 'error');
  const code = word(error);
  const description = word(field(document, 'error_description'));
  const said = [
    description,
    field(document, 'message'),
    field(document, 'details'),
    field(document, 'detail'),
  ];
  const parts = [code, ...said, field(error, 'message')].map(word).filter((part) => part !== '');
  return { codes: [], parts: parts.length === 0 ? [text] : parts };
}

/** Characters of a detail that are shown: the code and the message come first. */
const DETAIL = 200;

function entryText(entry: unknown, redact: (text: string) => string): string {
  const code = word(field(entry, 'code'));
  const message = word(field(entry, 'message'));
  const said = message === '' ? code : code === '' ? message : `${code}: ${message}`;
  const detail = field(entry, 'detail');
  const shown = redact(typeof detail === 'object' && detail !== null ? stringify(detail) : word(detail));
  const useful = shown !== '' && shown !== '{}' && shown !== '[]' && shown !== message;
  return useful ? `${said} (${shown.length > DETAIL ? `${shown.slice(0, DETAIL)}…` : shown})` : said;
}

function fromMarkup(text: string): Found {
  const markup = text.slice(0, MARKUP_LIMIT);
  const code = /<Code>([^<]{1,100})<\/Code>/.exec(markup)?.[1];
  if (code !== undefined) {
    const message = /<Message>([^<]*)<\/Message>/.exec(markup)?.[1];
    return { codes: [code], parts: [message === undefined ? code : `${code}: ${message}`] };
  }
  const title = /<title[^<>]*>([^<]*)<\/title>/i.exec(markup)?.[1];
  return { codes: [], parts: [title ?? markup.replace(/<[^<>]*>/g, ' ')] };
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return new Map<string, unknown>(Object.entries(value)).get(name);
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function stringify(value: object): string {
  try {
    return JSON.stringify(value);
  } catch {
    return '';
  }
}
