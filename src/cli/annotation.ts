/**
 * An error as GitHub Actions takes it for an annotation, in one line.
 * https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
 */
export function errorAnnotation(text: string): string {
  const data = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return `::error::${withoutOldCommands(data)}`;
}

/** Lines that a runner of GitHub Actions takes for text: none is a `::command::` nor has, anywhere in it, a `##[command]`. */
export function plainText(lines: string): string {
  return withoutOldCommands(lines.replaceAll(/^\s*::/gm, (start) => `${start.slice(0, -1)} :`));
}

function withoutOldCommands(text: string): string {
  return text.replaceAll('##[', '# #[');
}
