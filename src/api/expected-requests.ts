import type { TargetReport } from '../copy/report.js';

/**
 * The requests that a copy would take, by what a dry run of it found (docs/architecture.md has the budget). Logins,
 * redirects, repeats and uploads in pieces come on top; what mounts decline costs more, and a repository that holds
 * nothing yet spares the HEAD of a blob of up to 4 MiB.
 */
export function expectedRequests(
  targets: readonly TargetReport[],
  guarded: boolean,
): { source: number; target: number } {
  const sum = (of: (target: TargetReport) => number): number =>
    targets.reduce((total, target) => total + of(target), 0);
  const children = sum(({ manifests, changed }) => manifests.copied - (changed ? 1 : 0));
  const skipped = sum(({ manifests }) => manifests.skipped);
  const blobs = { copied: sum((one) => one.blobs.copied), mounted: sum((one) => one.blobs.mounted) };
  const checks = sum((one) => one.blobs.copied + one.blobs.mounted + one.blobs.skipped);
  const written = targets.filter(({ changed }) => changed);
  // A guarded tag is looked at once more just before it is written.
  // That one is absent is asked twice each time, by HEAD and by GET.
  const known = written.filter(({ previous }) => previous !== undefined).length;
  const absent = targets.filter(({ previous }) => previous === null).length;
  const looks = guarded ? known + 2 * absent : 0;
  return {
    source: 1 + most(targets.map(childrenCopied)) + blobs.copied,
    target:
      targets.length +
      checks +
      2 * blobs.copied +
      blobs.mounted +
      skipped +
      2 * children +
      2 * written.length +
      looks,
  };
}

function childrenCopied({ manifests, changed }: TargetReport): number {
  return manifests.copied - (changed ? 1 : 0);
}

function most(numbers: readonly number[]): number {
  return Math.max(0, ...numbers);
}
