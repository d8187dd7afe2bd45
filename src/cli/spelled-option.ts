import type { OptionTable } from './option.js';

/** Names of options that mean a login, with a secret right behind them when somebody forgot the blank. */
const SECRET_WORD =
  /^(?:(?:from|to|src|dest|source|target)-)?(?:password|passwd|pass|token|secret|creds|cred|username|user)/;

/** The beginning of an option's name that means a secret: `password` of `passwordhunter2`. */
export function secretWord(name: string): string | undefined {
  return SECRET_WORD.exec(name)?.[0];
}

/**
 * What may be repeated of an option that there is not: others may be able to read what is printed, and what is glued to a
 * name may be a password (`-pSECRET`, `--passwordSECRET`).
 */
export function repeatable(spelled: string, table: OptionTable): string {
  const dashes = spelled.startsWith('--') ? '--' : '-';
  const name = spelled.slice(dashes.length);
  if (Object.hasOwn(table, name) || name === secretWord(name)) return spelled;
  if (dashes === '-') return isLetters(name, table) ? spelled : `${spelled.slice(0, 2)}…`;
  const plain = secretWord(name) ?? /^[a-z_-]{0,64}/i.exec(name)?.[0] ?? '';
  return plain === name ? spelled : `--${plain}…`;
}

/** True for one letter, and for several that each are an option: whatever else follows a letter may be its value. */
function isLetters(name: string, table: OptionTable): boolean {
  const short = Object.values(table).map((option) => option.short);
  return name.length === 1 || Array.from(name).every((letter) => short.includes(letter));
}
