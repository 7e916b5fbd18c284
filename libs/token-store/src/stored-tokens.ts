import { Clock } from '#kernel';
import { Sealer } from '#persistence';
import { Injectable } from '@nestjs/common';
import type { CredentialRecord, Sight } from './credential-record.js';
import { type KeptToken, LiveTokens } from './live-tokens.js';
import { aheadMs } from './renewal-limits.js';
import { type LiveToken, type TokenKey, type TokenSet, credentialId, credentialPlace } from './token-key.js';
import { TokenSecrets } from './token-secrets.js';
import { TokenStore, markOf } from './token-store.js';

const TABLE = 'credentials';
const FIELD = 'tokens';

/** What a token set is sealed for: it opens for no other credential, and for no other generation. */
const placeOf = (key: TokenKey, generation: number) => ({
  tenantId: key.tenantId,
  table: TABLE,
  row: credentialId(key),
  field: FIELD,
  generation,
});

/** The state that was handed out. */
export interface KeptState extends Pick<CredentialRecord, 'stamp' | 'state'> {
  readonly lifetimeMs?: number | undefined;
}

/** Between credentials at rest and in use: seals and opens them, and keeps the opened ones in memory. */
@Injectable()
export class StoredTokens {
  constructor(
    private readonly store: TokenStore,
    private readonly sealer: Sealer,
    private readonly live: LiveTokens,
    private readonly secrets: TokenSecrets,
    private readonly clock: Clock,
  ) {}

  /** Another one after each change of any credential that this process knows of. */
  get epoch(): number {
    return this.live.epoch;
  }

  /** What the store has, and the epoch of the live tokens from before it was read. */
  async look(key: TokenKey): Promise<{ readonly sight: Sight | undefined; readonly epoch: number }> {
    const { epoch } = this.live;
    return { sight: await this.store.read(key), epoch };
  }

  async seal(key: TokenKey, generation: number, tokens: TokenSet): Promise<string> {
    return this.sealer.seal(placeOf(key, generation), JSON.stringify(tokens));
  }

  /** Undefined if nothing was had yet. @throws SealBrokenError */
  async open({
    key,
    generation,
    sealed,
  }: Pick<CredentialRecord, 'key' | 'generation' | 'sealed'>): Promise<TokenSet | undefined> {
    if (sealed === undefined) return undefined;
    const tokens = JSON.parse(await this.sealer.open(placeOf(key, generation), sealed)) as TokenSet;
    this.secrets.note(key.tenantId, tokens);
    return tokens;
  }

  /** Fetches what sealing needs, so that it needs no database afterwards. */
  async prepare(key: TokenKey): Promise<void> {
    await this.sealer.seal(placeOf(key, 0), '');
  }

  /** Opens what a look has found, and keeps it unless something has changed since. */
  async hand(sight: Sight, epoch: number): Promise<LiveToken | undefined> {
    const tokens = await this.open(sight.record);
    if (!tokens) return undefined;
    const { key, generation, expiresAt } = sight.record;
    // The clocks of store and process may differ, so it is the time that is left which counts.
    const local = expiresAt === undefined ? undefined : this.clock.now() + (expiresAt - sight.now);
    const live = { tokens, generation, ...(local === undefined ? {} : { expiresAt: local }) };
    if (epoch === this.live.epoch) this.keep(key, sight.record, live);
    return live;
  }

  /** What this process has in memory; may have expired. */
  find(place: string): KeptToken | undefined {
    return this.live.find(place);
  }

  forget(place: string): void {
    this.live.drop(place);
  }

  /** Looks after it no sooner than in `ms`. */
  rest(place: string, ms: number): void {
    const now = this.clock.now();
    if ((this.live.find(place)?.reviewAt ?? Infinity) <= now) this.live.postpone(place, now + ms);
  }

  /** Has it masked for a while. */
  note({ tenantId }: TokenKey, tokens: TokenSet): void {
    this.secrets.note(tenantId, tokens);
  }

  keep(key: TokenKey, state: KeptState, live: LiveToken): void {
    const { expiresAt } = live;
    const reviewAt = expiresAt === undefined ? Infinity : expiresAt - aheadOf(key, state.lifetimeMs);
    this.live.keep(credentialPlace(key), { live, mark: markOf(state), reviewAt });
  }
}

/** Whether the time has come to renew it in the background. */
export function isDue({ record, now }: Sight): boolean {
  const { expiresAt, key, lifetimeMs } = record;
  return expiresAt !== undefined && now >= expiresAt - aheadOf(key, lifetimeMs);
}

const aheadOf = (key: TokenKey, lifetimeMs: number | undefined): number =>
  lifetimeMs === undefined ? 0 : aheadMs(lifetimeMs, credentialId(key));
