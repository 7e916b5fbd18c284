/** How an answer goes wrong. */
export type Fault =
  /** An answer in place of the server's, which never sees the request. */
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** It is done, and answered as if too few nodes had it. */
  | { readonly kind: 'accepted' }
  /** It is answered as if too few nodes had it, and then it is gone. */
  | { readonly kind: 'lost' }
  /** It is not done, and nothing comes back. */
  | { readonly kind: 'hang' }
  /** It is done, and the connection breaks before the answer. */
  | { readonly kind: 'cut' };

export interface FaultRule {
  readonly fault: Fault;
  readonly method?: string;
  /** Of the path, decoded, without the query; of any unless given. */
  readonly path?: RegExp;
  /** How often; again and again unless given. */
  readonly times?: number;
  /** Of the requests that fit, how many it befalls: 1 unless given. Evenly, and not at random. */
  readonly share?: number;
}

interface Entry {
  readonly rule: FaultRule;
  left: number;
  due: number;
}

/** What a Cloudant does on a bad day, on demand. */
export class CloudantFaults {
  /** How often each kind befell a request since `clear`, by the status where it is an answer. */
  readonly befallen = new Map<string, number>();
  private entries: Entry[] = [];

  /** Returns how to end it. */
  inject(rule: FaultRule): () => void {
    const entry = { rule, left: rule.times ?? Infinity, due: 0 };
    this.entries.push(entry);
    return () => void (this.entries = this.entries.filter((one) => one !== entry));
  }

  clear(): void {
    this.entries = [];
    this.befallen.clear();
  }

  /** @internal What befalls this request; the oldest rule that fits. */
  next(method: string, path: string): Fault | undefined {
    for (const entry of this.entries) {
      const { rule } = entry;
      if (entry.left <= 0 || (rule.method ?? method) !== method || !(rule.path ?? /(?:)/).test(path)) continue;
      entry.due += rule.share ?? 1;
      if (entry.due < 1) continue;
      entry.due -= 1;
      entry.left -= 1;
      const kind = rule.fault.kind === 'answer' ? `${rule.fault.status}` : rule.fault.kind;
      this.befallen.set(kind, (this.befallen.get(kind) ?? 0) + 1);
      return rule.fault;
    }
    return undefined;
  }
}
