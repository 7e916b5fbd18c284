import { tenantId } from '#kernel';

/** The tenant that every installation has; the first migration creates it. */
export const DEFAULT_TENANT = tenantId('00000000-0000-4000-8000-000000000001');
