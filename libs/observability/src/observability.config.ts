import { configSlice } from '#config';
import { z } from 'zod';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

export interface ObservabilityConfig {
  readonly level: (typeof LOG_LEVELS)[number];
  /** `pretty` is for people at a terminal, `json` for everything that reads logs. */
  readonly format: 'json' | 'pretty';
}

export const observabilityConfig = configSlice(
  'observability',
  z.object({
    LOG_LEVEL: z
      .preprocess((value) => (typeof value === 'string' ? value.toLowerCase() : value), z.enum(LOG_LEVELS))
      .default('info'),
    LOG_FORMAT: z.enum(['json', 'pretty']).optional(),
  }),
  ({ LOG_LEVEL, LOG_FORMAT }): ObservabilityConfig => ({
    level: LOG_LEVEL,
    format: LOG_FORMAT ?? (process.stderr.isTTY ? 'pretty' : 'json'),
  }),
);
