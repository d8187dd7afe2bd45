/** Characters read of one WWW-Authenticate header line. */
export const CHALLENGE_LINE_LENGTH: number = 16 * 1024;

/** Challenges kept of one answer, and parameters of one challenge. */
export const CHALLENGES = 32;
export const CHALLENGE_PARAMS = 32;

/** Scopes that a challenge may ask for, and actions in one of them. */
export const SCOPES = 16;

/** Bytes of a token service's answer. Real ones stay below 10 KiB. */
export const TOKEN_BODY_BYTES: number = 256 * 1024;

/** Characters of a token: it travels in a header. */
export const TOKEN_LENGTH: number = 64 * 1024;

/** Milliseconds that a token is believed to live at most, whatever `expires_in` says. */
export const TOKEN_LIFE_MS: number = 24 * 60 * 60_000;

/** Tokens kept for one registry. */
export const TOKENS = 1000;

/** Bytes of a credential file. */
export const CREDENTIAL_FILE_BYTES: number = 4 * 1024 * 1024;

/** Bytes that a credential helper may print, and milliseconds that it may take. */
export const HELPER_OUTPUT_BYTES: number = 1024 * 1024;
export const HELPER_TIMEOUT_MS = 60_000;

/** Milliseconds in which what an ended helper has printed is read, where something that it started holds its output open. */
export const HELPER_OUTPUT_MS = 200;
