import { RegferryError } from '../errors.js';

/** An E_USAGE error that ends with where to read on: `… (see: regferry help copy)`. */
export function usageError(message: string, command?: string): RegferryError {
  const page = command === undefined ? 'regferry help' : `regferry help ${command}`;
  return new RegferryError('E_USAGE', `${message} (see: ${page})`);
}
