import type { MemberRef, PrincipalId } from '#kernel';

/** A credential of a member that stands in another way than before. No secret. */
export interface CredentialNews {
  readonly member: MemberRef;
  /** Whose it is; absent if the tenant shares it. */
  readonly principalId?: PrincipalId;
  /** `live`: it can be used, for the first time or again. The others: calls fail until somebody acts. */
  readonly state: 'live' | 'reauth_required' | 'config_error' | 'held';
}

/** Where the gateway hears of credentials, which it cannot see. */
export abstract class CredentialFeed {
  /** Calls `listener` for each change of state, in every process. Returns how to stop it. */
  abstract onNews(listener: (news: CredentialNews) => void): () => void;
}
