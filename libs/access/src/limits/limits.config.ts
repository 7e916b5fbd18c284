import { configSlice } from '#config';
import { z } from 'zod';

export interface Rate {
  /** In the long run. */
  readonly perSecond: number;
  /** What may come at once before that counts. */
  readonly burst: number;
}

/** Bounds of what this process does; every replica has its own. */
export interface LimitsConfig {
  readonly tenant: Rate;
  readonly principal: Rate;
  readonly credential: Rate;
  readonly calls: {
    /** Tool calls under way at the same time, in all. */
    readonly concurrent: number;
    /** Of one tenant. */
    readonly concurrentPerTenant: number;
    /** Calls of one tenant that may wait for their turn. */
    readonly waitingPerTenant: number;
    readonly maxWaitMs: number;
  };
}

const atLeastOne = (most: number, otherwise: number) =>
  z.coerce.number('must be a number').int().min(1).max(most).default(otherwise);
const rate = (otherwise: number) => atLeastOne(1_000_000, otherwise);
const calls = (otherwise: number) => atLeastOne(100_000, otherwise);

/** How much a tenant, a principal and a credential may ask for. */
export const limitsConfig = configSlice(
  'limits',
  z.object({
    LIMIT_TENANT_RPS: rate(2_000),
    LIMIT_TENANT_BURST: rate(4_000),
    LIMIT_PRINCIPAL_RPS: rate(1_000),
    LIMIT_PRINCIPAL_BURST: rate(2_000),
    LIMIT_CREDENTIAL_RPS: rate(1_000),
    LIMIT_CREDENTIAL_BURST: rate(2_000),
    LIMIT_CALLS: calls(2_000),
    LIMIT_TENANT_CALLS: calls(200),
    LIMIT_TENANT_QUEUE: calls(200),
    LIMIT_QUEUE_MS: atLeastOne(60_000, 2_000),
  }),
  (env): LimitsConfig => ({
    tenant: { perSecond: env.LIMIT_TENANT_RPS, burst: env.LIMIT_TENANT_BURST },
    principal: { perSecond: env.LIMIT_PRINCIPAL_RPS, burst: env.LIMIT_PRINCIPAL_BURST },
    credential: { perSecond: env.LIMIT_CREDENTIAL_RPS, burst: env.LIMIT_CREDENTIAL_BURST },
    calls: {
      concurrent: env.LIMIT_CALLS,
      concurrentPerTenant: env.LIMIT_TENANT_CALLS,
      waitingPerTenant: env.LIMIT_TENANT_QUEUE,
      maxWaitMs: env.LIMIT_QUEUE_MS,
    },
  }),
);
