import { Clock } from '#kernel';
import { Injectable } from '@nestjs/common';
import { AccessChanges } from '../directory/access-changes.js';
import type { Verified } from './credential-verifier.js';
import { FRESH_MS, USABLE_MS } from '../directory/access-cache.js';

const MAX_VALID = 20_000;
const MAX_INVALID = 10_000;
/** How long a credential that was not valid is not looked at again. */
const INVALID_MS = 5_000;

interface Entry {
  readonly verified: Verified;
  readonly at: number;
  readonly mark: number;
}

/** A moment at which a lookup began. */
export interface Beginning {
  readonly at: number;
  readonly mark: number;
}

/**
 * Verdicts on credentials, by their SHA-256: valid ones for a minute (five while the database is away), never past the
 * credential's own end or a change of its tenant; invalid ones for seconds, and never past a change of any tenant.
 */
@Injectable()
export class VerdictCache {
  /** Least recently used first, in both. */
  private readonly valid = new Map<string, Entry>();
  private readonly invalid = new Map<string, Beginning>();

  constructor(
    private readonly changes: AccessChanges,
    private readonly clock: Clock,
  ) {}

  begin(): Beginning {
    return { at: this.clock.now(), mark: this.changes.mark() };
  }

  /** What may be answered without asking anybody. */
  fresh(hash: string): Verified | undefined {
    return this.younger(hash, FRESH_MS);
  }

  /** What may be answered when nobody can be asked. */
  usable(hash: string): Verified | undefined {
    return this.younger(hash, USABLE_MS);
  }

  /** Whether the credential was valid when it was last looked at, however long ago. */
  wasValid(hash: string): boolean {
    return this.valid.has(hash);
  }

  isInvalid(hash: string): boolean {
    const entry = this.invalid.get(hash);
    if (!entry || !this.changes.areKnown()) return false;
    return this.clock.now() - entry.at < INVALID_MS && !this.changes.hasAnyChanged(entry.mark);
  }

  keep(hash: string, { at, mark }: Beginning, verified: Verified | undefined): void {
    this.valid.delete(hash);
    this.invalid.delete(hash);
    if (verified) put(this.valid, MAX_VALID, [hash, { verified, at, mark }]);
    else put(this.invalid, MAX_INVALID, [hash, { at, mark }]);
  }

  /** Whether the answer to a lookup that began then may still be used. */
  holds({ principal }: Verified, { mark }: Beginning): boolean {
    return !this.changes.hasChanged(principal.tenantId, mark);
  }

  private younger(hash: string, age: number): Verified | undefined {
    const entry = this.valid.get(hash);
    if (!entry || !this.changes.areKnown()) return undefined;
    const { verified, at } = entry;
    const now = this.clock.now();
    const { expiresAt } = verified.principal.credential;
    if (now - at >= age || (expiresAt !== undefined && expiresAt <= now) || !this.holds(verified, entry)) {
      return undefined;
    }
    this.valid.delete(hash);
    this.valid.set(hash, entry);
    return verified;
  }
}

function put<V>(map: Map<string, V>, limit: number, [key, value]: readonly [string, V]): void {
  map.set(key, value);
  if (map.size > limit) map.delete(map.keys().next().value!);
}
