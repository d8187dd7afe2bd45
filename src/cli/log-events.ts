import type { RegferryEvent } from '../copy/events.js';
import type { HttpEvent } from '../http/message.js';
import { formatBytes, formatDuration, shortDigest } from './format.js';
import type { Log, LogFields, RecordLevel } from './log.js';

/** A record for the log: how important, the line for people, the facts for machines. */
interface Entry {
  readonly level: RecordLevel;
  readonly line: string;
  readonly fields: LogFields;
}

/**
 * A listener that writes events into a log: every request and every blob at debug level, retries and notes at info,
 * warnings as such. What would read the same a second time is shown once.
 */
export function eventLogger(log: Log): (event: RegferryEvent) => void {
  const shown = new Set<string>();
  return (event) => {
    const entry = describe(event);
    if (entry === undefined || !log.shows(entry.level)) return;
    if (entry.level !== 'debug') {
      const key =
        event.type === 'retry' ? `${event.side ?? ''} ${origin(event.url)} ${event.reason}` : entry.line;
      if (shown.has(key) && !log.shows('debug')) return;
      shown.add(key);
    }
    log.write(entry.level, entry.line, { event: event.type, ...entry.fields });
  };
}

function describe(event: RegferryEvent): Entry | undefined {
  switch (event.type) {
    case 'request':
    case 'retry':
    case 'warning':
      return describeHttp(event);
    case 'note':
      return { level: 'info', line: event.message, fields: {} };
    case 'resolved': {
      const { digest, mediaType, size } = event.descriptor;
      const line = `source ${event.reference} is ${digest} (${mediaType}, ${formatBytes(Math.max(0, size))})`;
      return { level: 'debug', line, fields: { reference: event.reference, digest, mediaType, size } };
    }
    case 'blob': {
      const { target, digest, size, state } = event;
      const line = `${target} blob ${shortDigest(digest)} (${formatBytes(size)}) ${state}`;
      return { level: 'debug', line, fields: { target, digest, size, state } };
    }
    case 'manifest': {
      const { target, digest, state } = event;
      return {
        level: 'debug',
        line: `${target} manifest ${digest} ${state}`,
        fields: { target, digest, state },
      };
    }
    case 'tagged': {
      const { target, tag, digest, previous } = event;
      const line = `${target}:${tag} is now ${digest}`;
      return { level: 'debug', line, fields: { target, tag, digest, previous } };
    }
    case 'walked':
    case 'progress':
      return undefined;
  }
}

function describeHttp(event: RegferryEvent & HttpEvent): Entry {
  const { side = 'source' } = event;
  switch (event.type) {
    case 'request': {
      const { method, url, status, durationMs } = event;
      const line = `${side} ${method} ${url} ${status ?? 'no answer'} (${formatDuration(durationMs)})`;
      return {
        level: 'debug',
        line,
        fields: { side, method, url, status, durationMs: Math.round(durationMs) },
      };
    }
    case 'retry': {
      const { method, url, attempt, delayMs, reason } = event;
      const line = `${side} ${method} ${url}: ${reason}; trying again in ${formatDuration(delayMs)}`;
      const fields = { side, method, url, attempt, delayMs: Math.round(delayMs), reason };
      return { level: 'info', line, fields };
    }
    case 'warning':
      return { level: 'warn', line: event.message, fields: { side } };
  }
}

function origin(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}
