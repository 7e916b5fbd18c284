/** RFC 5424, 6.2.1, as MCP names them, the least urgent first. */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;
export type LogLevel = (typeof LEVELS)[number];

export const isLogLevel = (level: unknown): level is LogLevel => (LEVELS as readonly unknown[]).includes(level);

/** Whether somebody who wants to hear of `least`, and of what is more urgent, hears of this. */
export const isUrgentFor = (level: LogLevel, least: LogLevel): boolean =>
  LEVELS.indexOf(level) >= LEVELS.indexOf(least);
