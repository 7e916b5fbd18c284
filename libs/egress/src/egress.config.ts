import { ConfigError, STAGES, configSlice, environment } from '#config';
import { z } from 'zod';
import { AllowList } from './allow-list.js';

export interface EgressConfig {
  /** What may be called besides public HTTPS; see `AllowList.parse` for the spelling. */
  readonly allow: AllowList;
}

const LOOPBACK = '127.0.0.0/8:*,[::1]:*,localhost:*';

/**
 * `EGRESS_ALLOW`. Absent, it is loopback in development and nothing elsewhere; present but empty, it is nothing
 * in every stage.
 */
export const egressConfig = configSlice(
  'egress',
  z.object({ EGRESS_ALLOW: z.string().optional(), COMPOSER_STAGE: z.enum(STAGES).default('development') }),
  ({ EGRESS_ALLOW, COMPOSER_STAGE }): EgressConfig => {
    const isEmptied = environment()['EGRESS_ALLOW'] === '';
    const byDefault = COMPOSER_STAGE === 'development' && !isEmptied ? LOOPBACK : '';

    const problems: string[] = [];
    const allow = AllowList.parse(EGRESS_ALLOW ?? byDefault, (problem) => problems.push(`EGRESS_ALLOW: ${problem}`));
    if (problems.length > 0) throw new ConfigError(problems);
    return { allow };
  },
);
