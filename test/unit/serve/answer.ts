/** The codes of an answer that is an error of the specification. */
export async function errorCodes(answer: Response): Promise<unknown[]> {
  const body = (await answer.json()) as { errors: { code: unknown; message: unknown }[] };
  return body.errors.map(({ code }) => code);
}
