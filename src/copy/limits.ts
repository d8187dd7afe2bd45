/** Tags that fail at one host one after the other before the rest is given up there. */
export const FAILURES_IN_A_ROW = 10;

/** Bytes of manifests that all images of a run may hold together; one image alone may always go on. */
export const HELD_MANIFEST_BYTES: number = 64 * 1024 * 1024;
