/** A schema that something refers to, under its name in `$defs`. */
export interface QueuedDefinition {
  readonly name: string;
  readonly schema: unknown;
  /** References followed one behind another until here. */
  readonly references: number;
}

/**
 * The schemas that one tool's schema refers to: each has a name of its own and is translated once. It may be added to
 * while it is worked off.
 */
export class DefinitionQueue implements Iterable<QueuedDefinition> {
  private readonly names = new Map<string, string>();
  private readonly taken = new Set<string>();
  private readonly queue: QueuedDefinition[] = [];

  /** The name of what stands at `pointer`, if it has one. */
  nameOf(pointer: string): string | undefined {
    return this.names.get(pointer);
  }

  /** Gives it a name, which is the last segment of the pointer where that is free. */
  add(pointer: string, schema: unknown, references: number): string {
    const name = this.freeName(pointer);
    this.taken.add(name);
    this.names.set(pointer, name);
    this.queue.push({ name, schema, references });
    return name;
  }

  [Symbol.iterator](): Iterator<QueuedDefinition> {
    return this.queue[Symbol.iterator]();
  }

  private freeName(pointer: string): string {
    const last = pointer.slice(pointer.lastIndexOf('/') + 1);
    const base =
      last
        .replace(/[^A-Za-z0-9._-]+/g, '_')
        .replace(/^_+/, '')
        .slice(0, 64) || 'schema';
    let name = base;
    for (let count = 2; this.taken.has(name); count++) name = `${base}_${count}`;
    return name;
  }
}
