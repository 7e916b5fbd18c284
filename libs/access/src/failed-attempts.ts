import { isIPv6 } from 'node:net';
import { Clock } from '#kernel';
import { Injectable } from '@nestjs/common';

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

  constructor(private readonly clock: Clock) {}

  /** For how many seconds nothing from this address is looked at; 0 if it is. */
  wait(address: string | undefined): number {
    const tokens = this.tokens(sourceOf(address));
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) / PER_SECOND);
  }

  note(address: string | undefined): void {
    const source = sourceOf(address);
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

/** An IPv6 host has a whole /64 to call from. */
function sourceOf(address = ''): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter((group) => group !== '');
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').filter((group) => group !== '').length;
  const all = [...groups, ...Array.from({ length: missing }, () => '0'), ...(tail ?? '').split(':')];
  return all.slice(0, 4).join(':');
}
