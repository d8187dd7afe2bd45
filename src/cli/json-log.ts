import { pino } from 'pino';

import type { Gate } from './gate.js';
import { isShown, type Log, logLine, type LogFields } from './log.js';
import type { LogLevel } from './options.js';
import type { StatusArea } from './status-area.js';

/** A log for machines: one JSON record a line, by pino. */
export function jsonLog(area: StatusArea, limit: LogLevel): Log {
  const logger = pino(
    {
      level: limit,
      base: { name: 'regferry' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (record: string) => area.print(record.trimEnd()) },
  );
  return {
    shows: (level) => isShown(level, limit),
    write(level, message, fields = {}) {
      logger[level](neutralised(fields, area.gate), logLine(area.gate.words(message)));
    },
  };
}

function neutralised(fields: LogFields, gate: Gate): LogFields {
  const entries = Object.entries(fields).map(
    ([name, value]) => [name, typeof value === 'string' ? logLine(gate.words(value)) : value] as const,
  );
  return Object.fromEntries(entries);
}
