import { type LookupAddress, promises } from 'node:dns';

export type SystemLookup = (host: string) => Promise<readonly LookupAddress[]>;

export interface NameResolverOptions {
  /** Asks the system; `getaddrinfo` unless given. */
  readonly lookup?: SystemLookup;
  /** Milliseconds on a clock that never jumps. */
  readonly now?: () => number;
}

interface Remembered {
  readonly addresses: readonly LookupAddress[];
  readonly until: number;
}

const LIMIT_MS = 2_000;
const REMEMBER_MS = 30_000;
const MAX_REMEMBERED = 2_000;
const MAX_WAITING = 1_000;
/** getaddrinfo holds a thread of libuv's four until it gives up; one is left to files and compression. */
const MAX_ASKING = 3;

/**
 * Turns names into all their addresses. An answer is remembered for at most 30 s; callers that ask for the same name
 * meanwhile share one question. Judges nothing: that is the guard's, at every use.
 */
export class NameResolver {
  private readonly lookup: SystemLookup;
  private readonly now: () => number;
  private readonly remembered = new Map<string, Remembered>();
  private readonly asking = new Map<string, Promise<readonly LookupAddress[]>>();
  private readonly waiting: (() => void)[] = [];
  private running = 0;

  constructor({ lookup = systemLookup, now = () => performance.now() }: NameResolverOptions = {}) {
    this.lookup = lookup;
    this.now = now;
  }

  /** At least one address. Rejects with the resolver's own error (`code` `ENOTFOUND`…), or `ETIMEOUT` after 2 s. */
  async resolve(host: string): Promise<readonly LookupAddress[]> {
    const known = this.remembered.get(host);
    if (known && known.until > this.now()) return known.addresses;

    let question = this.asking.get(host);
    if (!question) {
      question = this.ask(host).finally(() => this.asking.delete(host));
      this.asking.set(host, question);
    }
    return withinLimit(question);
  }

  private async ask(host: string): Promise<readonly LookupAddress[]> {
    await this.turn();
    try {
      const addresses = await this.lookup(host);
      if (addresses.length === 0) throw dnsError('ENOTFOUND', 'the name has no address');
      this.remember(host, addresses);
      return addresses;
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running -= 1;
    }
  }

  /** Waits for one of the places; a place that is left passes straight to the next in line. */
  private async turn(): Promise<void> {
    if (this.running < MAX_ASKING) {
      this.running += 1;
      return;
    }
    if (this.waiting.length >= MAX_WAITING) throw dnsError('ETIMEOUT', 'too many names are being resolved');
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private remember(host: string, addresses: readonly LookupAddress[]): void {
    this.remembered.delete(host);
    if (this.remembered.size >= MAX_REMEMBERED) this.remembered.delete(this.remembered.keys().next().value!);
    this.remembered.set(host, { addresses, until: this.now() + REMEMBER_MS });
  }
}

function systemLookup(host: string): Promise<readonly LookupAddress[]> {
  return promises.lookup(host, { all: true });
}

async function withinLimit<T>(question: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(dnsError('ETIMEOUT', `the name did not resolve within ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  try {
    return await Promise.race([question, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function dnsError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
