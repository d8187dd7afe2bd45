import { RegferryError } from '../errors.js';
import type { Given, GivenValue } from './env-options.js';
import type { Option, OptionsOf, Values } from './option.js';
import { printable } from '../spec/printable.js';
import { withoutUser } from '../spec/reference.js';

/**
 * The values of a command's options. Throws E_USAGE for the first that is not what its option expects, that is missing,
 * or that was given twice.
 */
export function optionValues<V>(options: OptionsOf<V>, given: Given): Values<V> {
  const values: { [K in keyof V]?: V[K] } = {};
  for (const name in options) {
    const found = given.get(name);
    if (found !== undefined) values[name] = optionValue(options[name], found);
  }
  return values;
}

function optionValue<T>(option: Option<T>, given: GivenValue): T {
  const { name, texts } = given;
  if (texts.includes('')) {
    throw new RegferryError('E_USAGE', `${name} needs a value: ${option.expects}`);
  }
  if (option.kind === 'value' && texts.length > 1) {
    const listed = texts.map((text) => `"${printable(withoutUser(text))}"`).join(' and ');
    throw new RegferryError('E_USAGE', `${name} was given ${texts.length} times (${listed}): give it once`);
  }
  const text = option.kind === 'list' ? texts.join(',') : (texts.at(-1) ?? '');
  const value = option.parse(text);
  if (value === undefined) {
    // A variable may hold what was meant for another one: a password.
    const not = given.origin === 'environment' ? '' : `, not "${printable(withoutUser(text))}"`;
    throw new RegferryError('E_USAGE', `${name} must be ${option.expects}${not}`);
  }
  return value;
}
