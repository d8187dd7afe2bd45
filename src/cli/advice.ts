import type { Hint, RegferryError, Side } from '../errors.js';
import type { ConnectionOptions, TransferOptions } from './options.js';
import { registryOptions, type SideValues } from './side-options.js';

/** The options that an advice may name. */
type OptionName = keyof SideValues | keyof ConnectionOptions | keyof TransferOptions;

/** Spells an option as the command at hand calls it. */
type Spell = (name: OptionName) => string;

/**
 * An error's message with what to do about it, in terms of the options of a command with one side or two; where an
 * error does not say which side it is about, both options are named.
 */
export function advised(error: RegferryError, twoSided: boolean): string {
  const { message, hint, side } = error;
  if (hint === undefined) return message;
  const advice = worded(hint, (name) => spelled(name, side, twoSided));
  // Where the message names some of what the command lists.
  const isAside = hint.code === 'list-tags' && hint.near !== undefined;
  return isAside ? `${message} (${advice})` : `${message}; ${advice}`;
}

/** Each hint in the words of the command line. */
function worded(hint: Hint, spell: Spell): string {
  switch (hint.code) {
    case 'log-in':
      return `run "regferry login ${hint.registry}" or give ${spell('username')}`;
    case 'renew-login':
      return `log in again with "regferry login ${hint.registry}", or leave the credentials out with ${spell('anonymous')} if the image is public`;
    case 'trust-realm':
      return `allow it with ${spell('trusted-realm')} ${hint.host}`;
    case 'list-tags':
      return `regferry tags ${hint.repository}${hint.near === undefined ? ' lists those that there are' : ''}`;
    case 'trust-ca':
      return `if it is to be trusted, name its CA by ${spell('ca-file')} or SSL_CERT_FILE; ${asLastResort(spell)}`;
    case 'skip-verification':
      return asLastResort(spell);
    case 'client-certificate':
      return `give the client certificate that it wants by ${spell('cert-file')} and ${spell('key-file')}`;
    case 'keep-record':
      return 'name another file by --receipt, or have this one replaced with --overwrite-receipt';
    case 'plain-http':
      return `for a registry over plain http there is ${spell('plain-http')}`;
    case 'allow-private':
      return `${spell('allow-private-redirects')} allows it`;
    case 'smaller-chunks':
      return `try ${spell('chunk-size')} with a smaller size`;
    case 'promote-to':
      return hint.tagMissing === true
        ? `--to ${hint.repository} TAG sets a tag there`
        : `--to ${hint.repository} sets it there`;
    case 'undo-receipt':
      return 'it is for regferry promote --undo';
    case 'apply-plan':
      return 'it is for regferry apply';
  }
}

function asLastResort(spell: Spell): string {
  return `as a last resort ${spell('insecure')} skips the check`;
}

function spelled(name: OptionName, side: Side | undefined, twoSided: boolean): string {
  if (!twoSided || !Object.hasOwn(registryOptions, name)) return `--${name}`;
  if (side === undefined) return `--from-${name} or --to-${name}`;
  return side === 'source' ? `--from-${name}` : `--to-${name}`;
}
