/** What must not come back in anybody's words, by request headers: the credential, and for Basic what it stands for. */
export function secretsOf(headers: Readonly<Record<string, string>> | undefined): readonly string[] {
  const [scheme = '', credential = ''] = headers?.['authorization']?.split(' ') ?? [];
  if (credential === '') return [];
  if (scheme.toLowerCase() !== 'basic') return [credential];
  const pair = Buffer.from(credential, 'base64').toString();
  return [credential, pair, pair.slice(pair.indexOf(':') + 1)];
}

/**
 * A server's words without the secrets that it was sent, and without anything else that looks like an Authorization
 * value: a gateway that explains what it received must not bring a login into a log.
 */
export function withoutSecrets(text: string, secrets: readonly string[] = []): string {
  let clean = text;
  for (const secret of secrets) if (secret.length >= SHORTEST) clean = clean.replaceAll(secret, 'REDACTED');
  return clean.replaceAll(/\b(basic|bearer)\s+[\w.~+/=-]{16,}/gi, '$1 REDACTED');
}

/** A password of two letters would make nonsense of any text, and is no secret. */
const SHORTEST = 4;
