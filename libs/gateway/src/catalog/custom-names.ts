import type { Naming } from './naming.js';

interface Rule {
  readonly begins: string;
  readonly ends: string;
  readonly offered: string;
}

/** Names that a tenant chose. Names without `*` come first, then the others in their order; what fits none stays. */
export class CustomNames implements Naming {
  private readonly exact = new Map<string, string>();
  private readonly rules: readonly Rule[];

  /** @param names from full names to those in their place; one `*` stands for the same text on both sides */
  constructor(names: Readonly<Record<string, string>>) {
    const rules: Rule[] = [];
    for (const [full, offered] of Object.entries(names)) {
      const [begins = '', ends] = full.split('*');
      if (ends === undefined) this.exact.set(full, offered);
      else rules.push({ begins, ends, offered });
    }
    this.rules = rules;
  }

  nameOf(fullName: string): string {
    const exact = this.exact.get(fullName);
    if (exact !== undefined) return exact;
    const rule = this.rules.find(({ begins, ends }) => {
      // What the `*` stands for is no part of either side.
      return fullName.length >= begins.length + ends.length && fullName.startsWith(begins) && fullName.endsWith(ends);
    });
    if (!rule) return fullName;
    const { begins, ends, offered } = rule;
    const text = fullName.slice(begins.length, fullName.length - ends.length);
    // A function, because a text may hold "$&".
    return offered.replace('*', () => text) || fullName;
  }
}
