import type { Clock } from '#kernel';

interface Document<V> {
  readonly value?: V;
  readonly readAt: number;
  /** Of the last attempt, whether it worked or not. */
  readonly triedAt: number;
  readonly failure?: unknown;
}

export interface KeptDocumentsOptions {
  readonly clock: Clock;
  /** How long a document is used without looking. */
  readonly freshMs: number;
  /** How long it is used when it cannot be read again. */
  readonly staleMs: number;
  /** How long nobody tries again after an attempt. */
  readonly pauseMs: number;
  readonly atMost: number;
}

/**
 * Documents of other servers. One attempt serves everybody who waits for it, and however many ask, and whatever they ask
 * for, a server is asked once in `pauseMs`.
 */
export class KeptDocuments<V> {
  /** Least recently tried first. */
  private readonly documents = new Map<string, Document<V>>();
  private readonly attempts = new Map<string, Promise<V>>();

  constructor(private readonly options: KeptDocumentsOptions) {}

  /** The document, at most `freshMs` old, or `staleMs` when it cannot be read. Rejects with the failure of `read`. */
  async get(key: string, read: () => Promise<V>): Promise<V> {
    const known = this.documents.get(key);
    if (known && this.age(known.readAt) < this.options.freshMs && 'value' in known) return known.value;
    return this.again(key, read);
  }

  /** As `get`, but anew, unless the last attempt was a moment ago. */
  async again(key: string, read: () => Promise<V>): Promise<V> {
    const running = this.attempts.get(key);
    if (running) return running;
    const known = this.documents.get(key);
    if (known && this.age(known.triedAt) < this.options.pauseMs) return this.kept(known);
    const attempt = this.attempt(key, read).finally(() => this.attempts.delete(key));
    this.attempts.set(key, attempt);
    return attempt;
  }

  private async attempt(key: string, read: () => Promise<V>): Promise<V> {
    const before = this.documents.get(key);
    const triedAt = this.options.clock.now();
    try {
      const value = await read();
      this.keep(key, { value, readAt: triedAt, triedAt });
      return value;
    } catch (failure) {
      const document = { readAt: 0, ...before, triedAt, failure };
      this.keep(key, document);
      return this.kept(document);
    }
  }

  private kept({ value, readAt, failure }: Document<V>): V {
    if (value !== undefined && this.age(readAt) < this.options.staleMs) return value;
    throw failure;
  }

  private keep(key: string, document: Document<V>): void {
    this.documents.delete(key);
    this.documents.set(key, document);
    if (this.documents.size > this.options.atMost) this.documents.delete(this.documents.keys().next().value!);
  }

  private age(since: number): number {
    return this.options.clock.now() - since;
  }
}
