import { configSlice } from '#config';
import { z } from 'zod';

export interface GatewayConfig {
  /** Whether administrators see the management tools among the others. */
  readonly offersManagementTools: boolean;
  /** Tools in one page of `tools/list`. */
  readonly pageSize: number;
}

export const gatewayConfig = configSlice(
  'gateway',
  z.object({
    COMPOSER_TOOLS: z.enum(['on', 'off'], 'must be on or off').default('on'),
    TOOLS_PAGE_SIZE: z.coerce.number('must be a number').int().min(1).max(10_000).default(1000),
  }),
  ({ COMPOSER_TOOLS, TOOLS_PAGE_SIZE }): GatewayConfig => ({
    offersManagementTools: COMPOSER_TOOLS === 'on',
    pageSize: TOOLS_PAGE_SIZE,
  }),
);
