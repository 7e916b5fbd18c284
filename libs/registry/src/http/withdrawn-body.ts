import type { WithdrawnCredential } from '#auth';

/** What is used of the framework's reply. */
export interface Answer {
  status(code: number): unknown;
}

/** What became of tokens at their issuers. Answers 204 where there were none. */
export function withdrawnBody(
  withdrawn: readonly WithdrawnCredential[],
  answer: Answer,
): { credentials: Record<string, unknown>[] } | undefined {
  if (withdrawn.length === 0) {
    answer.status(204);
    return undefined;
  }
  answer.status(200);
  return { credentials: withdrawnItems(withdrawn) };
}

export function withdrawnItems(withdrawn: readonly WithdrawnCredential[]): Record<string, unknown>[] {
  return withdrawn.map(({ serverId, principalId, issuer, outcome, reason }) => ({
    server_id: serverId,
    ...(principalId === undefined ? {} : { principal_id: principalId }),
    issuer,
    outcome,
    ...(reason === undefined ? {} : { reason }),
  }));
}

/** The same in a sentence; empty where nothing is left to do. */
export function leftText(withdrawn: readonly WithdrawnCredential[]): string {
  const left = withdrawn.filter(({ outcome }) => outcome !== 'revoked');
  if (left.length === 0) return '';
  const issuers = [...new Set(left.map(({ issuer }) => issuer))].join(', ');
  return `tokens that ${issuers} has given for it could not be revoked there: revoke them there`;
}
