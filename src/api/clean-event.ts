import type { RegferryEvent } from '../copy/events.js';
import type { Secrets } from '../secrets/secrets.js';

/** An event in which the words that may be somebody else's are without secrets. */
export function cleanEvent(event: RegferryEvent, secrets: Secrets): RegferryEvent {
  const { type } = event;
  if (type === 'note' || type === 'warning') return { ...event, message: secrets.redact(event.message) };
  if (type === 'request') return { ...event, url: secrets.redact(event.url) };
  if (type !== 'retry') return event;
  return { ...event, url: secrets.redact(event.url), reason: secrets.redact(event.reason) };
}
