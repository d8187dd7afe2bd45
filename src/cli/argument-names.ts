/** The word for an argument in `<source> <target...>`; the last one may go on for ever. */
export function argumentName(usage: string, at: number): string | undefined {
  const names = usage.match(/(?<=[<[])[^>\]]+/g) ?? [];
  const last = names.at(-1);
  return names[at] ?? (last?.endsWith('...') === true ? last : undefined);
}
