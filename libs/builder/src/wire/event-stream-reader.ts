import { HeldBytes } from './held-bytes.js';
import { EmptyEventsError, EventTooLargeError, MAX_EVENT_BYTES } from './wire.errors.js';

const LF = 0x0a;
const CR = 0x0d;
const DATA = Buffer.from('data:');
const NAME = Buffer.from('event:');
const ID = Buffer.from('id:');
const RETRY = Buffer.from('retry:');
/** What a header can carry. */
const PLAIN_ID = /^[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?$/;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const COLON = 0x3a;
const SPACE = 0x20;
/** Events without data keep a stream alive: so many may come at once, and so many a second in the long run. */
const EMPTY_BURST = 10_000;
const EMPTY_PER_SECOND = 10;
/** The end of a short line is found sooner byte by byte. */
const SHORT = 32;

/** Where a stream can be taken up again after its end (WHATWG HTML, server-sent events). */
export interface StreamMarks {
  /** Of the last event that had one. */
  readonly lastEventId?: string;
  /** Milliseconds to wait before. */
  readonly retryMs?: number;
}

/** An event with its name; `message` unless it says another one. */
export interface NamedEvent {
  readonly name: string;
  readonly data: Buffer;
}

/**
 * Cuts an event stream into the data of its events. Comments and events without data are left out, as the WHATWG has
 * it, and names unless they are asked for; the last id is kept. Looks at every byte once for where events end, however
 * small the pieces are in which they come.
 */
export class EventStreamReader {
  /** The beginning of an event that has no end yet. */
  private readonly held = new HeldBytes();
  /** Where in it the search for the end goes on. */
  private searched = 0;
  /** Whether it is known how the stream begins: a byte order mark there is none of its characters (WHATWG HTML, 9.2.5). */
  private hasBegun = false;
  private lastMarks: StreamMarks = {};
  private empty = 0;
  private readonly startedAt = performance.now();

  /** Of the events so far. */
  get marks(): StreamMarks {
    return this.lastMarks;
  }

  /** Whether an event has begun that has no end yet. */
  get isInside(): boolean {
    return this.held.length > 0 && this.held.bytes[0] !== COLON;
  }

  /** The data of every event that `chunk` completes. Throws `EventTooLargeError` and `EmptyEventsError`. */
  push(chunk: Buffer): Buffer[] {
    const { events, rest } = this.cut(chunk);
    let kept = 0;
    for (const event of events) {
      this.mark(event);
      const data = joined(event, DATA);
      if (data?.length) events[kept++] = data;
    }
    this.countEmpty(events.length - kept);
    events.length = kept;
    this.keep(rest, kept > 0);
    return events;
  }

  /** The same with names. */
  pushNamed(chunk: Buffer): NamedEvent[] {
    const named: NamedEvent[] = [];
    const { events, rest } = this.cut(chunk);
    for (const event of events) {
      const data = joined(event, DATA);
      if (data?.length) named.push({ name: lastOf(event, NAME)?.toString('utf8') || 'message', data });
    }
    this.countEmpty(events.length - named.length);
    this.keep(rest, named.length > 0);
    return named;
  }

  private countEmpty(events: number): void {
    this.empty += events;
    if (this.empty <= EMPTY_BURST) return;
    const seconds = (performance.now() - this.startedAt) / 1_000;
    if (this.empty > EMPTY_BURST + seconds * EMPTY_PER_SECOND) throw new EmptyEventsError();
  }

  private mark(event: Buffer): void {
    const id = lastOf(event, ID)?.toString('latin1');
    const retry = lastOf(event, RETRY)?.toString('latin1');
    if (id === undefined && retry === undefined) return;
    const { lastEventId: _, ...others } = this.lastMarks;
    // An empty id takes back the one before; one that cannot be sent back is none.
    const kept = id === undefined ? this.lastMarks : PLAIN_ID.test(id) ? { ...others, lastEventId: id } : others;
    this.lastMarks = retry !== undefined && /^\d{1,9}$/.test(retry) ? { ...kept, retryMs: Number(retry) } : kept;
  }

  /** The events that `chunk` completes, and the beginning of the next one. */
  private cut(chunk: Buffer): { events: Buffer[]; rest: Buffer } {
    if (this.held.length > 0) this.held.append(chunk);
    const bytes = this.held.length > 0 ? this.held.bytes : chunk;
    const events: Buffer[] = [];
    let start = this.hasBegun ? 0 : behindMark(bytes);
    if (start < 0) return { events, rest: bytes };
    this.hasBegun = true;
    const lineEnds = new LineEnds(bytes);
    let end = endOfEvent(lineEnds, Math.max(start, this.searched));
    for (; 'last' in end; end = endOfEvent(lineEnds, start)) {
      if (end.last - start > MAX_EVENT_BYTES) throw new EventTooLargeError();
      events.push(bytes.subarray(start, end.last));
      start = end.next;
    }
    this.searched = end.searched - start;
    if (bytes.length - start > MAX_EVENT_BYTES) throw new EventTooLargeError();
    return { events, rest: bytes.subarray(start) };
  }

  /** @param isShared somebody was given data of what lies before: it must not be written over */
  private keep(rest: Buffer, isShared: boolean): void {
    const { held } = this;
    if (held.length > 0 && !isShared) return held.drop(held.length - rest.length);
    // A chunk is not ours to keep.
    if (held.length > 0) held.giveAway();
    held.append(rest);
  }
}

/** Where the first event begins; negative if that cannot be said yet. */
function behindMark(bytes: Buffer): number {
  const first = bytes.subarray(0, BOM.length);
  if (!first.equals(BOM.subarray(0, first.length))) return 0;
  return first.length === BOM.length ? BOM.length : -1;
}

/** The line ends of some bytes, asked for from front to back. Lines end in LF, CR LF or CR. */
class LineEnds {
  private lf = -1;
  private cr = -1;

  constructor(readonly bytes: Buffer) {}

  /** Index of the first line end at or behind `from`, or the number of bytes. */
  next(from: number): number {
    const near = Math.min(from + SHORT, this.bytes.length);
    for (let at = from; at < near; at++) {
      const byte = this.bytes[at];
      if (byte === LF || byte === CR) return at;
    }
    if (this.lf < from) this.lf = this.find(LF, from);
    if (this.cr < from) this.cr = this.find(CR, from);
    return Math.min(this.lf, this.cr);
  }

  behind(at: number): number {
    return this.bytes[at] === CR && this.bytes[at + 1] === LF ? at + 2 : at + 1;
  }

  private find(byte: number, from: number): number {
    const at = this.bytes.indexOf(byte, from);
    return at < 0 ? this.bytes.length : at;
  }
}

/** An empty line ends an event. Without one, `searched` is where to go on when there is more. */
function endOfEvent(lineEnds: LineEnds, start: number): { last: number; next: number } | { searched: number } {
  const { bytes } = lineEnds;
  let at = start;
  for (;;) {
    const last = lineEnds.next(at);
    const next = lineEnds.behind(last);
    if (next >= bytes.length) return { searched: last };
    const byte = bytes[next];
    // A CR at the end of a chunk may be half of a line end: it is decided when the next byte is here.
    if (byte === CR && next + 1 >= bytes.length) return { searched: last };
    if (byte === LF || byte === CR) return { last, next: lineEnds.behind(next) };
    at = next;
  }
}

/** The values of the fields of one name as one text, a line for each; `undefined` if there are none. */
function joined(event: Buffer, field: Buffer): Buffer | undefined {
  let first: Buffer | undefined;
  let all: Buffer | undefined;
  let length = 0;
  eachOf(event, field, (start, end) => {
    if (!first) return void (first = event.subarray(start, end));
    if (!all) {
      all = Buffer.allocUnsafe(event.length);
      length = first.copy(all);
    }
    all[length++] = LF;
    if (start < end) length += event.copy(all, length, start, end);
  });
  return all?.subarray(0, length) ?? first;
}

function lastOf(event: Buffer, field: Buffer): Buffer | undefined {
  let last: Buffer | undefined;
  eachOf(event, field, (start, end) => void (last = event.subarray(start, end)));
  return last;
}

/** Visits the values of the fields of one name. An event may consist of very many lines: none costs a buffer. */
function eachOf(event: Buffer, field: Buffer, visit: (start: number, end: number) => void): void {
  const lineEnds = new LineEnds(event);
  for (let at = 0; at < event.length;) {
    const end = lineEnds.next(at);
    const value = at + field.length;
    if (value <= end && startsWith(event, at, field)) visit(event[value] === SPACE ? value + 1 : value, end);
    at = lineEnds.behind(end);
  }
}

function startsWith(bytes: Buffer, at: number, start: Buffer): boolean {
  for (let i = 0; i < start.length; i++) if (bytes[at + i] !== start[i]) return false;
  return true;
}
