import { flag, type OptionGroup, type OptionsOf, text } from './option.js';

/** Options about one registry, by their names without a prefix. */
export interface SideValues {
  username: string;
  'password-stdin': boolean;
  anonymous: boolean;
  'plain-http': boolean;
  insecure: boolean;
  'ca-file': string;
  'cert-file': string;
  'key-file': string;
}

/** What stands before an option's name: nothing for commands with one registry. */
export type SidePrefix = '' | 'from-' | 'to-';

/** The same values under prefixed names. */
export type Prefixed<P extends SidePrefix, V> = { [K in keyof V & string as `${P}${K}`]: V[K] };

/** Options about the registry of a command that has only one. */
export const registryOptions: OptionsOf<SideValues> = sideTable('Registry', 'the registry');

/** Options about the source's registry. */
export const sourceOptions: OptionsOf<Prefixed<'from-', SideValues>> = prefixed(
  'from-',
  sideTable('Source', 'the source'),
);

/** Options about the targets' registry. */
export const targetOptions: OptionsOf<Prefixed<'to-', SideValues>> = prefixed(
  'to-',
  sideTable('Target', 'the target'),
);

function sideTable(group: OptionGroup, side: string): OptionsOf<SideValues> {
  return {
    username: text(group, 'NAME', 'a user name', `user name at ${side}`),
    'password-stdin': flag(group, 'read the password or token from standard input'),
    anonymous: flag(group, `use no credentials at ${side}`),
    'plain-http': flag(group, `speak http, not https, to ${side}`),
    insecure: flag(group, 'accept any certificate'),
    'ca-file': text(
      group,
      'FILE',
      'a PEM file of certificate authorities',
      'trust these certificate authorities too (PEM)',
    ),
    'cert-file': text(group, 'FILE', 'a PEM file with a certificate', 'client certificate (PEM)'),
    'key-file': text(group, 'FILE', 'a PEM file with a key', 'key of the client certificate (PEM)'),
  };
}

function prefixed<P extends SidePrefix>(
  prefix: P,
  table: OptionsOf<SideValues>,
): OptionsOf<Prefixed<P, SideValues>> {
  const entries = Object.entries(table).map(([name, option]) => [`${prefix}${name}`, option] as const);
  // The type of fromEntries knows no names; they are exactly those of the mapped type.
  return Object.fromEntries(entries) as OptionsOf<Prefixed<P, SideValues>>;
}
