import { configSlice } from '#config';
import { z } from 'zod';

export interface StdioClientConfig {
  /** What the client of `composer stdio` calls with; absent: nothing. */
  readonly apiKey?: string;
}

/** Who the client at stdin is. */
export const stdioClientConfig = configSlice(
  'stdio-client',
  z.object({ COMPOSER_API_KEY: z.string().optional() }),
  ({ COMPOSER_API_KEY }): StdioClientConfig => (COMPOSER_API_KEY === undefined ? {} : { apiKey: COMPOSER_API_KEY }),
);
