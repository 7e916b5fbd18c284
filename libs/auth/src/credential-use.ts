import type { MemberRef, PrincipalId } from '#kernel';

/** What a credential is wanted for. */
export interface CredentialUse {
  readonly member: MemberRef;
  /** Where the credential goes: the endpoint of the member. */
  readonly endpoint: URL;
  /** Who calls; absent where the composer asks of its own accord, for a list of tools for instance. */
  readonly principalId?: PrincipalId;
  /** The tool that has this credential for itself; absent for the member's own. */
  readonly tool?: string;
  /** Asked for in a consent besides what the settings say: the member wants it. Names no other credential. */
  readonly scope?: string;
}

/** The beginning of an answer, as far as it can tell that a credential was not taken. */
export interface AnswerSign {
  readonly status: number;
  /** In lower case; empty if there is none. */
  readonly contentType: string;
  /** Of a redirect, as it was sent. */
  readonly location?: string;
  /** `WWW-Authenticate` of a refusal, as it was sent (RFC 9110, 11.6.1). */
  readonly challenge?: string;
  /** The beginning of the body, where that is an HTML page; absent as long as only the head has come. */
  readonly page?: string;
}
