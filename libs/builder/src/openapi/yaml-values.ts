import { type Alias, type YAMLMap, isAlias, isMap, isScalar, isSeq } from 'yaml';
import { isObject } from '#kernel';
import { InvalidDocumentError } from './openapi.errors.js';
import type { RepeatedKeys } from './repeated-keys.js';

/** The place of an anchor that is still being read: an alias within it would have no end. */
const OPEN = Symbol('open');

/**
 * Makes plain values of the nodes of one YAML document. Aliases share the value of their anchor, so that a document costs
 * here what it is long, whatever it grows to; who unrolls the values has to count. Merge keys (`<<`) are resolved: a map
 * takes the members of the merged ones that it has not itself, of several the first (yaml.org/type/merge.html).
 */
export class YamlValues {
  private readonly anchors = new Map<string, unknown>();
  /** Keys from the root to where this is at. */
  private readonly path: string[] = [];
  private copied = 0;

  /**
   * @param maxCopied members that merge keys may copy in all
   * @param repeated told of keys that stand twice in a map, of which the last one counts
   * @param placeOf says where in the text an offset is
   */
  constructor(
    private readonly maxCopied: number,
    private readonly repeated: RepeatedKeys,
    private readonly placeOf: (offset: number) => string,
  ) {}

  /**
   * Recursive: the nodes must not be deep.
   *
   * @throws InvalidDocumentError an alias without an anchor, a merge key without a map, or too much that is merged
   */
  of(node: unknown): unknown {
    if (isAlias(node)) return this.aliased(node);
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) this.anchors.set(anchor, OPEN);
    const value = this.plain(node);
    if (anchor !== undefined) this.anchors.set(anchor, value);
    return value;
  }

  private plain(node: unknown): unknown {
    if (isMap(node)) return this.map(node);
    if (isScalar(node)) return node.value;
    return isSeq(node) ? node.items.map((item, at) => this.at(`${at}`, item)) : null;
  }

  private at(key: string, node: unknown): unknown {
    this.path.push(key);
    const value = this.of(node);
    this.path.pop();
    return value;
  }

  private map({ items }: YAMLMap): object {
    const members = new Map<string, unknown>();
    const merged = new Set<string>();
    for (const { key, value } of items) {
      if (isMergeKey(key)) {
        this.merge(value, members, merged);
        continue;
      }
      const isText = isScalar(key) && typeof key.value === 'string';
      const name = isText ? (key.value as string) : this.refuse('a key that is no text', key);
      if (members.has(name) && !merged.delete(name)) this.repeated.note([...this.path, name]);
      members.set(name, this.at(name, value));
    }
    return Object.fromEntries(members);
  }

  private merge(node: unknown, members: Map<string, unknown>, merged: Set<string>): void {
    const value = this.of(node);
    for (const source of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (!isObject(source)) this.refuse('a merge key (<<) of what is no map', node);
      // Whoever merges what was merged copies again, so every member counts, taken or not.
      const entries = Object.entries(source as object);
      this.copied += entries.length;
      if (this.copied > this.maxCopied) {
        throw new InvalidDocumentError(`its merge keys (<<) copy more than ${this.maxCopied} values`);
      }
      for (const [name, member] of entries) {
        if (members.has(name)) continue;
        members.set(name, member);
        merged.add(name);
      }
    }
  }

  private aliased(node: Alias): unknown {
    const value = this.anchors.has(node.source) ? this.anchors.get(node.source) : OPEN;
    return value === OPEN ? this.refuse('an alias of an anchor that is unknown, or not yet complete,', node) : value;
  }

  private refuse(what: string, node: unknown): never {
    const range = isAlias(node) || isScalar(node) || isMap(node) || isSeq(node) ? node.range : undefined;
    throw new InvalidDocumentError(`it has ${what} ${this.placeOf(range?.[0] ?? 0)}`);
  }
}

// A quoted one is a key like any other.
const isMergeKey = (key: unknown): boolean => isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
