import { Clock, type MemberRef, type PrincipalId } from '#kernel';
import { HandleSealer } from '#persistence';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';

/** What a member has asked for beyond what was consented to, and of whom. */
export interface ScopeWish extends MemberRef {
  readonly tool?: string | undefined;
  /** Whose credential it is; absent for one that everybody of the tenant shares. */
  readonly principalId?: PrincipalId | undefined;
  /** Names with blanks between them (RFC 6749, 3.3). */
  readonly scope: string;
}

const PURPOSE = 'scope-wish';
const LIFE_MS = 24 * 3_600_000;
const wishSchema = z.strictObject({ of: z.string(), scope: z.string(), until: z.number() });

/**
 * Wishes as they travel in links: sealed, so that nobody can make up a link that asks for more than a member has, nor use
 * one for another tenant, server, tool or person. Good for a day, in any process with the same key ring; nothing is stored.
 */
@Injectable()
export class ScopeWishes {
  constructor(
    private readonly handles: HandleSealer,
    private readonly clock: Clock,
  ) {}

  seal(wish: ScopeWish): string {
    const until = this.clock.now() + LIFE_MS;
    return this.handles.seal(PURPOSE, JSON.stringify({ of: nameOf(wish), scope: wish.scope, until }));
  }

  /** The scope, if it is what was asked of these. */
  open(handle: string, of: Omit<ScopeWish, 'scope'>): string | undefined {
    const text = this.handles.open(PURPOSE, handle);
    if (text === undefined) return undefined;
    const wish = wishSchema.parse(JSON.parse(text));
    return wish.of === nameOf(of) && wish.until > this.clock.now() ? wish.scope : undefined;
  }
}

const nameOf = ({ tenantId, serverId, tool, principalId }: Omit<ScopeWish, 'scope'>): string =>
  JSON.stringify([tenantId, serverId, tool ?? null, principalId ?? null]);
