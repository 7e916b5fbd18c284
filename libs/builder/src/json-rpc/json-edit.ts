import { type Span, skipBlank } from './json-scan.js';

/** Replaces the bytes of a span; an empty span inserts. */
export interface Edit extends Span {
  readonly bytes: Buffer;
}

/** The message with all edits applied, in one copy. Edits must not overlap. */
export function applyEdits(message: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return message;
  const ordered = [...edits].sort((a, b) => a.start - b.start);
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, bytes } of ordered) {
    parts.push(message.subarray(at, start), bytes);
    at = end;
  }
  parts.push(message.subarray(at));
  return Buffer.concat(parts);
}

/** An edit that puts members into the object at `object`, before the ones that it has. */
export function insertMembers(message: Buffer, object: Span, members: string): Edit {
  const behindBrace = object.start + 1;
  const isEmpty = skipBlank(message, behindBrace) === object.end - 1;
  return { start: behindBrace, end: behindBrace, bytes: Buffer.from(isEmpty ? members : `${members},`) };
}
