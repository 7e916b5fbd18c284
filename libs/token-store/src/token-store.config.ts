import { join } from 'node:path';
import { configSlice } from '#config';
import { z } from 'zod';

export interface TokenStoreConfig {
  /** Where credentials wait that the database could not take; made when it is needed. */
  readonly journalDir: string;
}

/** What is kept beside the database, and where. */
export const tokenStoreConfig = configSlice(
  'tokenStore',
  z.object({ COMPOSER_DATA_DIR: z.string().default('.data') }),
  ({ COMPOSER_DATA_DIR: dataDir }): TokenStoreConfig => ({ journalDir: join(dataDir, 'unsettled-credentials') }),
);
