import { Clock } from '#kernel';
import { Injectable } from '@nestjs/common';

interface Bucket {
  left: number;
  at: number;
}

const BURST = 20;
const PER_MS = 20 / 3_600_000;
const MAX_ADDRESSES = 10_000;

/** How often an address may register a client: 20 at once, and 20 an hour in the long run. */
@Injectable()
export class RegistrationThrottle {
  /** Least recently seen first. */
  private readonly buckets = new Map<string, Bucket>();

  constructor(private readonly clock: Clock) {}

  /** Seconds to wait; 0 if it may go on, which counts. */
  delay(address: string): number {
    const now = this.clock.now();
    const bucket = this.buckets.get(address) ?? { left: BURST, at: now };
    bucket.left = Math.min(BURST, bucket.left + (now - bucket.at) * PER_MS);
    bucket.at = now;
    this.buckets.delete(address);
    this.buckets.set(address, bucket);
    if (this.buckets.size > MAX_ADDRESSES) this.buckets.delete(this.buckets.keys().next().value!);
    if (bucket.left < 1) return Math.ceil((1 - bucket.left) / PER_MS / 1000);
    bucket.left -= 1;
    return 0;
  }
}
