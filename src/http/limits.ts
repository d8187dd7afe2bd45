/** Redirects followed for one request. The specifications name no number; five is plenty for registry, CDN and region. */
export const MAX_REDIRECTS = 5;

/** Bytes read of an error's body; the rest is thrown away unseen. */
export const ERROR_BODY_LIMIT: number = 64 * 1024;

/** Characters of a server's own words shown in a message. */
export const ERROR_TEXT_LIMIT = 500;

/** Characters of a URL shown in a message or event. */
export const URL_TEXT_LIMIT = 1000;

/** Bytes of response headers. Node's 16 KiB is too little for long challenges and signed Locations. */
export const HEADER_SIZE_LIMIT: number = 32 * 1024;

/** Bytes drained from an unwanted body to keep its connection; a longer rest closes the connection. */
export const DRAIN_LIMIT: number = 64 * 1024;

/** Milliseconds that draining an unwanted body may take. */
export const DRAIN_MS = 1_000;

/** Milliseconds without a byte in either direction. */
export const IDLE_TIMEOUT_MS = 60_000;

/** Bytes of an answer's body in a minute, over the time without a byte: what is slower ends as if nothing came. */
export const FLOOR_BYTES = 1024;

/** Interim answers (1xx) to one request. Honest servers send one or two. */
export const INTERIM_ANSWERS = 100;

/** Milliseconds for the name lookup, TCP, the proxy's tunnel and TLS; each of them. */
export const CONNECT_TIMEOUT_MS = 10_000;

/** Milliseconds that a port of this machine may say nothing to TLS before it is asked in plain HTTP as well. */
export const PROBE_SILENCE_MS = 1_000;

/** Milliseconds from the last byte of an upload to the answer: registries hash and move the blob before they answer. */
export const UPLOAD_ANSWER_TIMEOUT_MS: number = 15 * 60_000;

/** Milliseconds between the two address families of one host. Node's 250 ms give up on far hosts. */
export const FAMILY_ATTEMPT_MS = 2_500;

/** Milliseconds that an idle connection is kept when the server names no time. */
export const KEEP_ALIVE_MS = 30_000;

/** Milliseconds that an idle connection is kept at most, whatever the server names. */
export const KEEP_ALIVE_MAX_MS = 120_000;

/** Repeats of one request after its first try. */
export const RETRIES = 4;

/** Milliseconds: the widest first wait of the exponential back-off, and the widest wait of all. */
export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_CAP_MS = 30_000;

/** Windows that a host that answered 429 has to take before it is asked for as much at a time as it refused last. */
export const CAUTION_WINDOWS = 8;

/** Milliseconds between two requests to a host that refuses one although nothing else is in flight: at first, and at most. */
export const SPACING_FIRST_MS = 250;
export const SPACING_CAP_MS = 5_000;
/** Below this they follow each other at once again. */
export const SPACING_LEAST_MS = 100;
/** Requests that it takes at a distance before a smaller one is tried. */
export const SPACING_HOLD = 16;

/**
 * A refusal by a host that is asked at intervals, and has taken one of our requests so many milliseconds ago at most, uses up
 * no repeat: others have their turn there as well. That many of one request, at most.
 */
export const TAKING_MS = 30_000;
export const EXCUSED_REFUSALS = 30;

/** Milliseconds without a request after which it is forgotten what a host refused. */
export const FORGET_LIMIT_MS: number = 5 * 60_000;

/** Milliseconds: a longer Retry-After fails the request at once, with a message that says how long. */
export const MAX_RETRY_WAIT_MS = 60_000;

/** Bytes handed to the socket at a time, so that the upload watchdog sees a slow link move. */
export const PIECE_BYTES: number = 64 * 1024;

/** Bytes of a body in memory that is written in one go; a larger one is sent in pieces, watched. */
export const WHOLE_BODY_LIMIT: number = 256 * 1024;

/** Different `Warning` texts reported in the life of a transport. */
export const WARNING_TEXTS = 100;

/** Codings undone of one body: nobody sends more than one, and each may hide much in little. */
export const CODINGS = 4;

/** Error codes kept of one error body. */
export const ERROR_CODES = 20;
