import { isRegferryError, type ErrorCode, type RegferryError } from '../../../src/errors.js';

/** The error that the call throws on purpose; fails when it returns, and when it throws anything else. */
export function refusal(call: () => unknown): RegferryError {
  let value: unknown;
  try {
    value = call();
  } catch (error) {
    if (isRegferryError(error)) return error;
    throw error;
  }
  throw new Error(`expected a refusal, got ${JSON.stringify(value)}`);
}

/** `ok`, or the code of the error that the call throws on purpose. Anything else that it throws comes through. */
export function outcome(call: () => unknown): ErrorCode | 'ok' {
  try {
    call();
    return 'ok';
  } catch (error) {
    if (isRegferryError(error)) {
      if (/[\u0000-\u001f\u007f-\u009f]/.test(error.message)) {
        throw new Error(`not one printable line: ${JSON.stringify(error.message)}`, { cause: error });
      }
      return error.code;
    }
    throw error;
  }
}
