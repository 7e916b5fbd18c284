import { z } from 'zod';
import { configSlice } from './config-slice.js';
import { STAGES, type Stage } from './environment.js';

export interface StageConfig {
  readonly stage: Stage;
}

/** Which stage this process runs in. Ask it for defaults only, never to change behaviour. */
export const stageConfig = configSlice(
  'stage',
  z.object({ COMPOSER_STAGE: z.enum(STAGES).default('development') }),
  ({ COMPOSER_STAGE }): StageConfig => ({ stage: COMPOSER_STAGE }),
);
