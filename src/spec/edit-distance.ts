/**
 * Insertions, deletions, replacements and swaps of neighbours that turn `from` into `to` (optimal string alignment);
 * Infinity where more than `most` are needed.
 */
export function editDistance(from: string, to: string, most: number = Infinity): number {
  if (Math.abs(from.length - to.length) > most) return Infinity;
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    let least = row;
    // What is further from the diagonal takes more changes than that.
    const end = Math.min(to.length, row + most);
    for (let column = Math.max(1, row - most); column <= end; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      const cost = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
        swapped ? at(beforeLast, column - 2) + 1 : Infinity,
      );
      current[column] = cost;
      least = Math.min(least, cost);
    }
    // Of two rows in a row that are beyond it no later one comes back.
    if (least > most + 1) return Infinity;
    beforeLast = last;
    last = current;
  }
  const distance = at(last, to.length);
  return distance > most ? Infinity : distance;
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
