import { CHALLENGE_LINE_LENGTH, CHALLENGE_PARAMS, CHALLENGES } from './limits.js';

/** One challenge of a WWW-Authenticate header. */
export interface Challenge {
  /** Lower case: `bearer`, `basic`, … */
  readonly scheme: string;
  /** Parameters by lower-case name; the first of a name counts. */
  readonly params: ReadonlyMap<string, string>;
  /** The single value of schemes like Negotiate. */
  readonly token68?: string;
}

interface OpenChallenge {
  scheme: string;
  params: Map<string, string>;
  token68?: string;
}

const separators = /[\s,]*/y;
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const equals = /[ \t]*=[ \t]*/y;
const spaces = /[ \t]*/y;
const quoted = /"((?:[^"\\]|\\[^])*)(?:"|\\?$)/y;
const bareValue = /[^\s,"]*/y;
const token68 = /([A-Za-z0-9._~+/-]+=*)(?=[ \t]*(?:,|$))/y;

/** Schemes whose challenges hold parameters, so that an empty `realm=` is not taken for a token68. */
const schemesWithParams = new Set(['bearer', 'basic', 'digest']);

/**
 * Parses the values of WWW-Authenticate: several header lines, several challenges a line, quoted commas, escapes,
 * token68, missing spaces. Never throws; what makes no sense is skipped. RFC 9110 section 11.6.1.
 */
export function parseChallenges(values: readonly string[]): Challenge[] {
  const challenges: OpenChallenge[] = [];
  for (const value of values) parseLine(value.slice(0, CHALLENGE_LINE_LENGTH), challenges);
  return challenges.slice(0, CHALLENGES);
}

function parseLine(line: string, challenges: OpenChallenge[]): void {
  let position = 0;
  let current: OpenChallenge | undefined;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(line);
    if (match === null) return undefined;
    position = pattern.lastIndex;
    return match;
  };
  const takeValue = (): string => {
    const string = take(quoted);
    return string === undefined ? (take(bareValue)?.[0] ?? '') : (string[1] ?? '').replace(/\\([^])/g, '$1');
  };
  take(separators);
  while (position < line.length && challenges.length <= CHALLENGES) {
    const name = take(token)?.[0].toLowerCase();
    if (name === undefined) {
      if (take(quoted) === undefined) position += 1;
    } else if (take(equals) !== undefined) {
      const value = takeValue();
      if (current !== undefined && current.params.size < CHALLENGE_PARAMS && !current.params.has(name)) {
        current.params.set(name, value);
      }
    } else {
      current = { scheme: name, params: new Map() };
      challenges.push(current);
      take(spaces);
      const single = schemesWithParams.has(name) ? undefined : take(token68)?.[1];
      if (single !== undefined) current.token68 = single;
    }
    take(separators);
  }
}

/**
 * The challenges that can be answered, best first: Bearer ones that name a realm, then Basic. Negotiate, NTLM, Digest
 * and unknown schemes are left out.
 */
export function usableChallenges(challenges: readonly Challenge[]): Challenge[] {
  const bearer = challenges.filter(
    ({ scheme, params }) => scheme === 'bearer' && Boolean(params.get('realm')),
  );
  const basic = challenges.filter(({ scheme }) => scheme === 'basic');
  return [...bearer, ...basic];
}

/** The challenge to answer: Bearer, else Basic, else undefined. */
export function chooseChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  return usableChallenges(challenges)[0];
}
