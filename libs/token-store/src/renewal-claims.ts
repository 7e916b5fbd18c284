import { randomUUID } from 'node:crypto';
import { ProcessPresence } from '#persistence';
import { Injectable } from '@nestjs/common';
import { AcceptedNotes } from './accepted-notes.js';
import type { Sight } from './credential-record.js';
import { type Claimed, type Failure, LEASE_MS, claiming, failing } from './credential-rules.js';
import type { TokenKey } from './token-key.js';
import { TokenStore } from './token-store.js';

/** A claim as its holder sees it. */
export interface HeldClaim extends Claimed {
  /** By the monotonic clock of this process, before it was asked for: it ends no earlier than its lease after this. */
  readonly since: number;
}

export interface ClaimedFor {
  readonly key: TokenKey;
  readonly sight: Sight | undefined;
  readonly isForced: boolean;
  /** The claim of a process that has died. */
  readonly of?: string;
}

/** Takes and gives back the right to renew a credential, which one process has at a time. */
@Injectable()
export class RenewalClaims {
  constructor(
    private readonly store: TokenStore,
    private readonly presence: ProcessPresence,
    private readonly notes: AcceptedNotes,
  ) {}

  async claim({
    key,
    sight,
    isForced,
    of,
  }: ClaimedFor): Promise<HeldClaim | 'missed' | { readonly heldForMs: number }> {
    const isSeen = await this.presence.show();
    const since = performance.now();
    const wish = {
      key,
      id: randomUUID(),
      ...(isSeen ? { owner: this.presence.number } : {}),
      ...(sight ? { stamp: sight.record.stamp } : {}),
      isForced,
      wasAccepted: sight !== undefined && this.notes.has(key, sight.record.generation),
      ...(of === undefined ? {} : { of }),
    };
    const outcome = await this.store.change(key, (look) => claiming(look, wish));
    return outcome === 'missed' || 'heldForMs' in outcome ? outcome : { ...outcome, since };
  }

  /** False if it was lost meanwhile. */
  async giveUp(claim: HeldClaim, failure: Failure): Promise<boolean> {
    return this.store.change(claim.record.key, (look) => failing(look, claim, failure));
  }
}

/** How long the holder may still rely on it, in milliseconds. */
export const leaseLeft = ({ since }: HeldClaim): number => since + LEASE_MS - performance.now();
