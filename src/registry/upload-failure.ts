import { RegferryError, detailsOf } from '../errors.js';
import type { UploadWay } from './upload-ways.js';

const FINAL: readonly string[] = ['NAME_UNKNOWN', 'NAME_INVALID', 'DENIED'];

/** A lost session is answered with 404 (distribution), 400 or 416: a new one may do better. */
export function lostSession(error: RegferryError): boolean {
  return error.registryCodes.some((code) => code === 'BLOB_UPLOAD_UNKNOWN' || code === 'BLOB_UPLOAD_INVALID');
}

/** The registry says that it received other bytes than we checked and sent, or that it has stored others. */
export function isDisputed(error: RegferryError): boolean {
  if (error.code === 'E_READ_BACK') return true;
  return error.registryCodes.some((code) => code === 'DIGEST_INVALID' || code === 'SIZE_INVALID');
}

/** True for what may pass. A body that is to come later (429) was sent to its session again often enough. */
export function isPassing({ retryable, status }: RegferryError): boolean {
  return retryable && status !== 429;
}

/** True for a refusal of the repository or the login: neither another way nor another session would help. */
export function isFinal(error: RegferryError): boolean {
  return error.registryCodes.some((code) => FINAL.includes(code));
}

/** True when no answer came: a reset, a cut, a time-out. */
export function brokeOff({ code, status }: RegferryError): boolean {
  return status === undefined && (code === 'E_CUT' || code === 'E_TIMEOUT');
}

/** The error to tell: where a size is refused (E_LIMIT), why that may be, and that smaller chunks may do. */
export function explained(error: RegferryError, way: UploadWay): RegferryError {
  if (error.status !== 413) return error;
  const hint = way.kind === 'chunks' ? undefined : ({ code: 'smaller-chunks' } as const);
  return new RegferryError(
    'E_LIMIT',
    `${error.message}; the registry or a proxy in front of it limits request bodies`,
    { ...detailsOf(error), hint, cause: error },
  );
}
