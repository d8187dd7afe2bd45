import {
  createHash,
  createPrivateKey,
  createPublicKey,
  randomUUID,
  sign,
  X509Certificate,
} from 'node:crypto';
import { readFileSync } from 'node:fs';

import type { KeyPair } from './certificates.js';

/** What a token allows on one repository. */
export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** The claims of a token that differ from one to the next. */
export interface Claims {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
  readonly access: readonly Access[];
}

/** distribution 2.8 takes a token for a minute longer than it says, so that clocks may differ. */
const leewaySeconds = 60;

/**
 * Makes JSON Web Tokens as distribution's `auth: token` wants them: ES256, the signer's certificate in `x5c`, or its key's
 * libtrust fingerprint in `kid`. The registry refuses them when their lifetime is over, not a minute later.
 * https://distribution.github.io/distribution/spec/auth/jwt/
 */
export function tokenSigner(pair: KeyPair, names: 'x5c' | 'kid'): (claims: Claims) => string {
  const key = createPrivateKey(readFileSync(pair.key));
  const certificate = readFileSync(pair.certificate);
  const header = {
    typ: 'JWT',
    alg: 'ES256',
    ...(names === 'kid'
      ? { kid: fingerprint(certificate) }
      : { x5c: [new X509Certificate(certificate).raw.toString('base64')] }),
  };
  return ({ issuer, subject, audience, lifetimeSeconds, access }) => {
    const now = Date.now() / 1000;
    const payload = {
      iss: issuer,
      sub: subject,
      aud: audience,
      iat: Math.floor(now),
      nbf: Math.floor(now),
      // Whole seconds, as distribution wants them: at most one longer than asked for, never shorter.
      exp: Math.ceil(now + lifetimeSeconds) - leewaySeconds,
      jti: randomUUID(),
      access,
    };
    const text = `${encode(header)}.${encode(payload)}`;
    const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The first 240 bits of the SHA-256 of the public key, in groups of four base32 digits. */
function fingerprint(certificate: Buffer): string {
  const der = createPublicKey(certificate).export({ type: 'spki', format: 'der' });
  const hash = createHash('sha256').update(der).digest().subarray(0, 30);
  const bits = [...hash].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const digits = (bits.match(/.{5}/g) ?? []).map((five) => base32[Number.parseInt(five, 2)]).join('');
  return (digits.match(/.{4}/g) ?? []).join(':');
}
