import type { Secrets } from '../secrets/secrets.js';
import type { HttpRequest } from './message.js';
import { isShownParameter } from './redact.js';

/** Keeps what a request carries and nobody may see: its credentials, and what signs its URL. */
export function holdRequest(secrets: Secrets, { url, headers = {} }: HttpRequest): void {
  for (const [name, value] of Object.entries(headers)) {
    if (/^(?:proxy-)?authorization$/i.test(name)) secrets.holdAuthorization(value);
    else if (/^cookie$/i.test(name)) secrets.hold(value);
  }
  holdUrl(secrets, url);
}

/** Keeps the password of a URL, and the parameters of its query that look like a signature or a token. */
export function holdUrl(secrets: Secrets, url: string): void {
  const [, password] = /^[a-z][a-z0-9+.-]*:\/\/[^/?#:]*:([^/?#]*)@/i.exec(url) ?? [];
  if (password !== undefined) secrets.hold(decoded(password));
  const question = url.indexOf('?');
  if (question !== -1) holdParameters(secrets, url.slice(question + 1));
}

/** Keeps the secrets of a form that is posted to a token service. */
export function holdBody(secrets: Secrets, bytes: Uint8Array): void {
  holdParameters(secrets, Buffer.from(bytes).toString('utf8'));
}

function holdParameters(secrets: Secrets, query: string): void {
  for (const pair of query.split(/[&#]/)) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, Math.max(0, equals));
    if (isShownParameter(name)) continue;
    // A plus is a blank in a form, and itself in most signatures.
    const spelled = pair.slice(equals + 1);
    for (const value of [decoded(spelled), decoded(spelled.replaceAll('+', ' '))]) {
      if (SECRET_NAME.test(name) || looksRandom(value)) secrets.hold(value);
    }
  }
}

const SECRET_NAME =
  /(?:^|[-_.])(?:sig|signature|token|secret|password|passwd|key|credential|code|state|assertion)$/i;

/** Long, and of letters and digits: no date, media type, digest or plain words, which stand in signed URLs, too. */
function looksRandom(value: string): boolean {
  if (value.length < 16 || !/\d/.test(value) || !/[a-z]/i.test(value) || /\s/.test(value)) return false;
  return !/^\d{4}-?\d\d-?\d\dT|^(?:application|text|image|binary)\/|sha\d+[:-]|^AWS4-|^UNSIGNED-/i.test(
    value,
  );
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
