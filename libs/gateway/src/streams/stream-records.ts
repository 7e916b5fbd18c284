import type { NumberedEvent } from './resumable-stream.js';

/** Says how far a stream has come. It is gone some time after its process is. */
export interface StreamHead {
  readonly done: boolean;
  /** Number of its last event. */
  readonly last: number;
}

/** A part of a stream, under its name in the session. */
export interface StreamRecord {
  readonly name: string;
  readonly text: string;
}

/** Comes behind all events in the order of the names. */
export const HEAD = 'head';
/** Of the text of one record. */
const MAX_CHARS = 256 * 1024;
const DIGITS = 8;

export const namePrefix = (stream: string): string => `s/${stream}/`;

/** Events as records: a line for each, and records of a bounded length, so that a long line goes through several. */
export function recordsOf(events: readonly NumberedEvent[], stream: string, first: number): readonly StreamRecord[] {
  // Letters of Latin-1 stand for the bytes: a record may end in the middle of a character.
  const text = events.map(({ number, data }) => `${number} ${data.toString('latin1')}\n`).join('');
  const records: StreamRecord[] = [];
  for (let at = 0; at < text.length; at += MAX_CHARS) {
    const name = namePrefix(stream) + String(first + records.length).padStart(DIGITS, '0');
    records.push({ name, text: text.slice(at, at + MAX_CHARS) });
  }
  return records;
}
