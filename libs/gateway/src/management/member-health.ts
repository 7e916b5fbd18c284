import type { MemberOutcome, MemberSlot } from '#builder';

/** How a member is, in the words of the original and in ours. */
export interface MemberHealth {
  readonly status: 'OK' | 'Down';
  readonly server_name: string;
  readonly state: MemberOutcome;
  /** What is wrong, and never an address or a secret. */
  readonly detail?: string;
}

export function healthOf({ ref, outcome, problem }: MemberSlot): MemberHealth {
  const status = outcome === 'ok' ? 'OK' : 'Down';
  return { status, server_name: ref.serverId, state: outcome, ...(problem === undefined ? {} : { detail: problem }) };
}
