import type { PrincipalId, ServerId, TenantId } from '#kernel';
import type { Replica } from '#persistence';

/** What is to be stopped. */
export type RevocationTarget =
  | { readonly kind: 'tenant'; readonly tenantId: TenantId }
  | { readonly kind: 'server'; readonly tenantId: TenantId; readonly id: ServerId }
  | { readonly kind: 'principal'; readonly tenantId: TenantId; readonly id: PrincipalId }
  /** Without a tenant: wherever it is trusted. */
  | { readonly kind: 'issuer'; readonly tenantId?: TenantId; readonly issuer: string };

/** Something that serves or lets in no more. */
export interface Stopped {
  readonly kind: RevocationTarget['kind'] | 'api_key' | 'tokens' | 'member_credential';
  readonly tenantId: TenantId;
  readonly id: string;
  /** It was so before: the switch has been used already. */
  readonly isOld: boolean;
}

/** Something that goes on although this happened, and what a person can do about it. */
export interface Remaining {
  readonly kind: 'issuer_tokens' | 'fixed_issuer' | 'member_credential' | 'calls_under_way';
  /** Of a server, or the name of an issuer. */
  readonly id?: string;
  readonly tenantId?: TenantId;
  readonly text: string;
}

/** What one use of the switch has stopped, and what it could not. */
export interface Cut {
  readonly stopped: readonly Stopped[];
  readonly remaining: readonly Remaining[];
}

export interface RevocationReport extends Cut {
  readonly target: RevocationTarget;
  /** The processes that have not said in time that they know of it; those that are silent may be gone. */
  readonly notConfirmed: readonly Replica[];
  /** Why nobody could be asked whether it is in force; absent if they could. */
  readonly unknown?: string;
  /** From a change to its last confirmation; of the stop or of the withdrawal of credentials, whichever took longer. */
  readonly tookMs: number;
}

/** Whether every process has said that it is in force. */
export const isConfirmed = ({ notConfirmed, unknown }: Pick<RevocationReport, 'notConfirmed' | 'unknown'>): boolean =>
  notConfirmed.length === 0 && unknown === undefined;
