/**
 * Waits for every task. When one fails, `abort` is called with its error so that the others can stop early; the first
 * error is thrown only when all have settled, so nothing runs on afterwards.
 */
export async function gather(
  tasks: readonly Promise<unknown>[],
  abort: (reason: unknown) => void,
): Promise<void> {
  const failures: unknown[] = [];
  await Promise.all(
    tasks.map((task) =>
      task.catch((error: unknown) => {
        failures.push(error);
        abort(error);
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}
