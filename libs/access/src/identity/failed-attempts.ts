import type { IncomingMessage } from 'node:http';
import { Clock } from '#kernel';
import { Injectable } from '@nestjs/common';
import { ClientAddress } from './client-address.js';

/** How many attempts may fail at once, and in the long run. */
const BURST = 20;
const PER_SECOND = 1 / 3;
/** What fails while the bucket is empty makes the wait longer, up to a minute. */
const MAX_DEBT = 20;
const MAX_ADDRESSES = 10_000;

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/**
 * Counts the attempts with invalid credentials of each remote address, in a token bucket. Guessing a key is hopeless
 * anyway; this bounds what the guessing costs us.
 */
@Injectable()
export class FailedAttempts {
  /** The address that has failed least recently comes first. */
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly clock: Clock,
    private readonly addresses: ClientAddress,
  ) {}

  sourceOf(request: Pick<IncomingMessage, 'headers' | 'socket'>): string {
    return this.addresses.sourceOf(request);
  }

  /** For how many seconds nothing from this source is looked at; 0 if it is. */
  wait(source: string): number {
    const tokens = this.tokens(source);
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) / PER_SECOND);
  }

  note(source: string): void {
    const tokens = Math.max(this.tokens(source) - 1, -MAX_DEBT);
    this.buckets.delete(source);
    this.buckets.set(source, { tokens, at: this.clock.now() });
    if (this.buckets.size > MAX_ADDRESSES) this.buckets.delete(this.buckets.keys().next().value!);
  }

  private tokens(source: string): number {
    const bucket = this.buckets.get(source);
    if (!bucket) return BURST;
    return Math.min(BURST, bucket.tokens + ((this.clock.now() - bucket.at) / 1000) * PER_SECOND);
  }
}
