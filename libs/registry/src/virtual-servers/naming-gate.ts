import type { Fault, TenantId } from '#kernel';
import type { VirtualServer } from './virtual-server.schema.js';

/**
 * What is asked before a virtual server is stored. The layer that knows what members offer stands above the registry
 * and enters itself here.
 */
export interface NamingGate {
  /** Names that two members would offer there, each with both owners. Looks at what the members offered last. */
  faultsOf(tenant: TenantId, server: VirtualServer): Promise<readonly Fault[]>;
}
