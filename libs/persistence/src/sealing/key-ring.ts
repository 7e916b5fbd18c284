import { type KeyObject, createSecretKey } from 'node:crypto';
import { weakness } from './key-strength.js';

const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** Keys by id: the first one seals, all of them open. Adding a new first key rotates. */
export class KeyRing {
  /** What to do about every fault that `parse` finds. */
  static readonly REMEDY = 'set it to "<id>:<key>", with a key from `openssl rand -base64 32`';

  private constructor(private readonly keys: ReadonlyMap<string, KeyObject>) {}

  /** Reads `id:base64` entries, separated by commas or newlines. A list is what is wrong, without a value. */
  static parse(text: string): KeyRing | readonly string[] {
    const faults: string[] = [];
    const keys = new Map<string, KeyObject>();
    for (const [index, entry] of KeyRing.entriesOf(text).entries()) {
      const [id = '', encoded] = split(entry);
      const isNamed = encoded !== undefined && ID.test(id);
      // What stands before the colon is named only if it cannot be a piece of the key.
      const name = isNamed ? `key "${id}"` : `key number ${index + 1}`;
      const bytes = Buffer.from(encoded !== undefined && BASE64.test(encoded) ? encoded : '', 'base64');
      const fault = isNamed ? (keys.has(id) ? 'has the id of an earlier one' : weakness(bytes)) : 'has no proper id';
      if (fault === undefined) keys.set(id, createSecretKey(bytes));
      else faults.push(`${name} ${fault}`);
      bytes.fill(0);
    }
    if (keys.size === 0 && faults.length === 0) faults.push('holds no key');
    return faults.length > 0 ? faults : new KeyRing(keys);
  }

  /** The entries of a ring as text, whatever they hold. */
  static entriesOf(text: string): readonly string[] {
    return text
      .split(/[,\r\n]+/)
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '');
  }

  /** The key that seals. */
  get activeId(): string {
    return this.ids[0]!;
  }

  /** All keys, the sealing one first. Never empty. */
  get ids(): readonly string[] {
    return [...this.keys.keys()];
  }

  find(id: string): KeyObject | undefined {
    return this.keys.get(id);
  }

  /** The same keys, with one of them in front. */
  sealingWith(id: string): KeyRing {
    const key = this.keys.get(id);
    return key ? new KeyRing(new Map([[id, key], ...this.keys])) : this;
  }

  /** With these keys of another ring besides, which only open. */
  openingToo(other: KeyRing, ids: readonly string[]): KeyRing {
    const kept = [...other.keys].filter(([id]) => ids.includes(id) && !this.keys.has(id));
    return new KeyRing(new Map([...this.keys, ...kept]));
  }

  /** Keeps the keys out of logs and answers. */
  toJSON(): object {
    return { ids: this.ids };
  }
}

function split(entry: string): [string, string?] {
  const colon = entry.indexOf(':');
  return colon < 0 ? [entry] : [entry.slice(0, colon), entry.slice(colon + 1)];
}
