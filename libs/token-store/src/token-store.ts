import type { AuditEvent } from '#audit';
import type { MemberRef, PrincipalId, ServerId, TenantId } from '#kernel';
import type { Change, CredentialRecord, Look, Sight } from './credential-record.js';
import type { TokenKey } from './token-key.js';

/** The topic under which changes of credentials are announced. */
export const CREDENTIALS = 'credentials';

/** How long whoever takes a credential has for telling its issuer, before another one may take it again. */
export const TAKEN_MS = 60_000;

/** Which credentials: those that agree in every part of the key that is given. */
export type Which = Partial<TokenKey> &
  Pick<TokenKey, 'tenantId'> & {
    /** Had from this issuer, or from an address below its own: where settings name no issuer a credential names an address. */
    readonly from?: string;
    /** None that has one of these fingerprints. */
    readonly but?: readonly string[];
    /** None that has changed within this time, in milliseconds. */
    readonly restingMs?: number;
  };

/** Which credentials of a server to tell of; registrations of the composer itself are never among them. */
export interface StandingsWish extends MemberRef {
  /** Only theirs; `null`: what everybody of the tenant shares. Absent: everybody's. */
  readonly of?: readonly (PrincipalId | null)[];
}

/**
 * Durable home of credentials. Holds sealed bytes, and decides nothing: what may be changed is decided by whoever calls
 * `change`. Safe across processes. Rejects with `DatabaseUnavailableError` when it is away.
 */
export abstract class TokenStore {
  abstract read(key: TokenKey): Promise<Sight | undefined>;

  /**
   * Changes one credential at once or not at all, together with its events: of calls at the same time each decides on
   * what the one before has made.
   *
   * @param decide may be called again, on a newer state; does nothing but decide
   */
  abstract change<T>(key: TokenKey, decide: (look: Look) => Change<T>): Promise<T>;

  /** Some credentials of a server, those that have changed last first. */
  abstract list(wish: StandingsWish, limit: number): Promise<readonly Sight[]>;

  /** A mark for each of these credentials that is there; another one whenever what there is to send has changed. */
  abstract marks(tenant: TenantId, ids: readonly string[]): Promise<ReadonlyMap<string, string>>;

  /** The servers that have credentials which have not changed for so long, in milliseconds. */
  abstract resting(tenant: TenantId, forMs: number): Promise<readonly ServerId[]>;

  /**
   * Takes some of them out of use and returns them: from then on nobody else finds them here. None is returned twice within
   * `TAKEN_MS`, and an empty answer says that there are none left. They are kept until `discard`: whoever dies before that
   * leaves them to the next one who takes them.
   */
  abstract take(which: Which, event: (record: CredentialRecord) => AuditEvent): Promise<readonly CredentialRecord[]>;

  /** Removes what was taken. What was put in its place since stays. */
  abstract discard(tenant: TenantId, taken: readonly TokenKey[]): Promise<void>;
}

/** Whether a credential is one of these. */
export function isAmong({ key, updatedAt }: CredentialRecord, which: Which, now: number): boolean {
  const { from, but, restingMs, ...parts } = which;
  if (from !== undefined && key.issuer !== from && !key.issuer.startsWith(below(from))) return false;
  if (but?.includes(key.fingerprint) || (restingMs !== undefined && updatedAt > now - restingMs)) return false;
  return (Object.entries(parts) as [keyof TokenKey, string][]).every(([name, value]) => key[name] === value);
}

/** What the addresses of an issuer begin with. */
export const below = (issuer: string): string => (issuer.endsWith('/') ? issuer : `${issuer}/`);

/** Whether a credential is one to tell of. */
export const isWished = ({ key }: CredentialRecord, { of }: StandingsWish): boolean =>
  key.kind === 'token' && (of?.includes(key.principalId ?? null) ?? true);

/** The mark that `marks` gives for a credential. */
export const markOf = ({ stamp, state }: Pick<CredentialRecord, 'stamp' | 'state'>): string => `${stamp} ${state}`;
