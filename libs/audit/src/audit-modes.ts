import type { TenantId } from '#kernel';

/** `strict`: a tool call is answered only after it is recorded. `batched`: it is recorded within a second of its answer. */
export type AuditMode = 'batched' | 'strict';

/** How the tool calls of a tenant are recorded. The application knows, and provides this. */
export abstract class AuditModes {
  /** At once if it is known in this process. A rejection counts as `strict`. */
  abstract modeOf(tenant: TenantId): AuditMode | Promise<AuditMode>;
}
