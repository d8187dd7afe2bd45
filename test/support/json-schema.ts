import { isDeepStrictEqual } from 'node:util';

type Schema = Readonly<Record<string, unknown>>;

/**
 * What of a document breaks a JSON schema, as lines with the place in front; empty when it fits. Knows the keywords that
 * the schemas here use, and throws on any other one, so that none is passed over.
 */
export function schemaErrors(schema: unknown, document: unknown): string[] {
  return check(asSchema(schema), document, '', asSchema(schema));
}

type Rule = (
  wanted: unknown,
  value: unknown,
  place: string,
  all: { schema: Schema; root: Schema },
) => string[];

const rules: Readonly<Record<string, Rule>> = {
  $schema: () => [],
  $defs: () => [],
  title: () => [],
  description: () => [],
  $ref: (wanted, value, place, { root }) => check(resolve(String(wanted), root), value, place, root),
  const: (wanted, value, place) =>
    isDeepStrictEqual(wanted, value) ? [] : [`${place}: is not ${String(wanted)}`],
  enum: (wanted, value, place) =>
    asList(wanted).some((one) => isDeepStrictEqual(one, value)) ? [] : [`${place}: is none of the values`],
  anyOf: (wanted, value, place, { root }) =>
    asList(wanted).some((one) => check(asSchema(one), value, place, root).length === 0)
      ? []
      : [`${place}: fits none of the schemas`],
  type: (wanted, value, place) => (typeOf(value, wanted) ? [] : [`${place}: is no ${String(wanted)}`]),
  minimum: (wanted, value, place) => (Number(value) >= Number(wanted) ? [] : [`${place}: is too small`]),
  minLength: (wanted, value, place) =>
    String(value).length >= Number(wanted) ? [] : [`${place}: is too short`],
  pattern: (wanted, value, place) =>
    new RegExp(String(wanted), 'u').test(String(value)) ? [] : [`${place}: does not match`],
  minItems: (wanted, value, place) => (size(value) >= Number(wanted) ? [] : [`${place}: has too few items`]),
  minProperties: (wanted, value, place) =>
    size(value) >= Number(wanted) ? [] : [`${place}: has too few properties`],
  items: (wanted, value, place, { root }) =>
    Array.isArray(value)
      ? value.flatMap((item, at) => check(asSchema(wanted), item, `${place}[${at}]`, root))
      : [],
  required: (wanted, value, place) =>
    asList(wanted)
      .filter((name) => !isObject(value) || !Object.hasOwn(value, String(name)))
      .map((name) => `${place}: has no "${String(name)}"`),
  properties: (wanted, value, place, { root }) =>
    isObject(value)
      ? Object.entries(asSchema(wanted)).flatMap(([name, one]) =>
          Object.hasOwn(value, name) ? check(asSchema(one), value[name], `${place}/${name}`, root) : [],
        )
      : [],
  additionalProperties: (wanted, value, place, { schema }) => {
    if (wanted !== false) throw new Error('additionalProperties may only be false');
    const known = Object.keys(asSchema(schema['properties'] ?? {}));
    const names = isObject(value) ? Object.keys(value) : [];
    return names.filter((name) => !known.includes(name)).map((name) => `${place}: must not have "${name}"`);
  },
};

function check(schema: Schema, value: unknown, place: string, root: Schema): string[] {
  return Object.entries(schema).flatMap(([keyword, wanted]) => {
    const rule = rules[keyword];
    if (rule === undefined) throw new Error(`the keyword ${keyword} is not known here`);
    return rule(wanted, value, place, { schema, root });
  });
}

function typeOf(value: unknown, wanted: unknown): boolean {
  switch (wanted) {
    case 'object':
      return isObject(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    case 'string':
    case 'boolean':
      return typeof value === wanted;
    default:
      throw new Error(`the type ${String(wanted)} is not known here`);
  }
}

function resolve(reference: string, root: Schema): Schema {
  const name = /^#\/\$defs\/(\w+)$/.exec(reference)?.[1];
  if (name === undefined) throw new Error(`${reference} is not a definition of this schema`);
  return asSchema(asSchema(root['$defs'])[name]);
}

function size(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asSchema(value: unknown): Schema {
  if (!isObject(value)) throw new Error('a schema is missing');
  return value;
}

function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error('a list is missing');
  return value;
}
