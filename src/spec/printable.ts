/**
 * Characters that do not belong in a line of text: C0 and C1 controls, bidirectional and invisible format controls,
 * line separators, lone surrogates.
 */
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/gu;

/**
 * Foreign text made fit for one line of a message or a log: line ends and tabs become a space, other control
 * characters (C0, C1, bidirectional) and lone surrogates are dropped, and what is longer than `max` UTF-16 units
 * (500) is cut and ends in `…`. Printable text that is short enough comes back as it is. Never throws.
 */
export function printable(text: string, max = 500): string {
  // Hostile text may be mostly controls: look at a bounded part of it only.
  const seen = text.slice(0, max * 4);
  const clean = seen.replace(/[\t\r\n]+/g, ' ').replace(UNPRINTABLE, '');
  if (clean.length <= max && seen.length === text.length) return clean;
  return `${clean.slice(0, Math.max(0, max - 1)).replace(/[\ud800-\udbff]$/, '')}…`;
}
