/** A state of a document by CouchDB's name for it: how many changes it took, and a digest. */
export interface Revision {
  readonly generation: number;
  readonly digest: string;
}

export function revisionOf(rev: string): Revision {
  const [generation = '0', digest = ''] = rev.split('-');
  return { generation: Number(generation), digest };
}

/** A state and those that it came from, newest first, as CouchDB tells them. */
export interface Ancestry {
  readonly start: number;
  readonly ids: readonly string[];
}

/** The ancestry of a state that was made of another one. */
export function ancestryOf(rev: string, before: string | undefined): Ancestry {
  const { generation, digest } = revisionOf(rev);
  return { start: generation, ids: before === undefined ? [digest] : [digest, revisionOf(before).digest] };
}

/** Whether the state `rev` is this one or one that it came from. */
export function descendsFrom({ start, ids }: Ancestry, rev: string): boolean {
  const { generation, digest } = revisionOf(rev);
  return ids[start - generation] === digest;
}
