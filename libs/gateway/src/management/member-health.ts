import type { CredentialState, MemberOutcome, MemberPool, MemberSlot } from '#builder';

/** How a member is, in the words of the original and in ours. */
export interface MemberHealth {
  readonly status: 'OK' | 'Down';
  readonly server_name: string;
  readonly state: MemberOutcome;
  /** How the credential that its callers share stands at its issuer; absent where none is had from an issuer. */
  readonly credential?: CredentialState;
  /** What is wrong, and never an address or a secret. */
  readonly detail?: string;
}

/** Asks the member first. */
export async function healthOf(pool: MemberPool, slot: MemberSlot): Promise<MemberHealth> {
  await pool.check(slot);
  const credential = await pool.credentialStateOf(slot);
  const { ref, outcome, problem } = slot;
  return {
    status: outcome === 'ok' ? 'OK' : 'Down',
    server_name: ref.serverId,
    state: outcome,
    ...(credential === undefined ? {} : { credential }),
    ...(problem === undefined ? {} : { detail: problem }),
  };
}
