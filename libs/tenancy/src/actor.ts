import type { Principal } from './principal.js';

/** Who has done something, as the audit trail tells it. */
export interface Actor {
  /** `principal`: over the network. `cli` and `file`: the operator, on the host. `system`: the composer itself. */
  readonly kind: 'principal' | 'cli' | 'file' | 'system';
  readonly id: string;
  /** The credential that was used, by its id. */
  readonly credential?: string;
}

export const CLI: Actor = { kind: 'cli', id: 'cli' };
export const CONFIG_FILE: Actor = { kind: 'file', id: 'config-file' };
export const SYSTEM: Actor = { kind: 'system', id: 'composer' };

export function actorOf({ id, credential }: Pick<Principal, 'id' | 'credential'>): Actor {
  return { kind: 'principal', id, ...(credential.kind === 'none' ? {} : { credential: credential.id }) };
}
