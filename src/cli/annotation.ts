/**
 * An error as GitHub Actions takes it for an annotation, in one line.
 * https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
 */
export function errorAnnotation(text: string): string {
  const data = text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  return `::error::${withoutOldCommands(data)}`;
}

/** A line that a runner of GitHub Actions takes for text: neither `::command::` nor, anywhere in it, `##[command]`. */
export function plainLine(line: string): string {
  return withoutOldCommands(line.replace(/^\s*::/, (start) => `${start.slice(0, -1)} :`));
}

function withoutOldCommands(text: string): string {
  return text.replaceAll('##[', '# #[');
}
