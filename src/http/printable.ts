// C0, DEL, C1, soft hyphen, zero-width and bidirectional controls, line and paragraph separators, byte order mark
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g;

/**
 * A server's text made fit for one line of output: control and direction characters become a space, white space
 * is folded, and what is longer than `limit` characters ends in an ellipsis.
 */
export function printable(text: string, limit = 500): string {
  // twice the limit is enough to fold from, and keeps the work small however long the text is
  const folded = text
    .slice(0, limit * 2)
    .replace(UNPRINTABLE, ' ')
    .replace(/\s+/g, ' ')
    .trim();
  if (folded.length <= limit && text.length <= limit * 2) return folded;
  return `${folded.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
