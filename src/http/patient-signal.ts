/** A signal made for one request. */
export interface PatientSignal {
  readonly signal: AbortSignal;
  /** Stops to follow, and to wait. */
  release(): void;
}

/**
 * A signal that follows another one: at once while `isSent` says no, and `graceMs` later where the whole request is out and
 * its answer may name something that has to be cleaned up.
 */
export function patientSignal(
  followed: AbortSignal | undefined,
  graceMs: number,
  isSent: () => boolean,
): PatientSignal {
  const control = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => control.abort(followed?.reason);
  const follow = (): void => {
    if (isSent()) timer = setTimeout(end, graceMs);
    else end();
  };
  if (followed?.aborted === true) end();
  else followed?.addEventListener('abort', follow, { once: true });
  return {
    signal: control.signal,
    release() {
      clearTimeout(timer);
      followed?.removeEventListener('abort', follow);
    },
  };
}
