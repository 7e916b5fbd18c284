import { EventTooLargeError, MAX_EVENT_BYTES } from './wire.errors.js';

const LF = 0x0a;
const CR = 0x0d;
const DATA = Buffer.from('data:');

/**
 * Cuts an event stream into the data of its events. Names, ids and comments are left out: they mean something only
 * between the two ends of one connection.
 */
export class EventStreamReader {
  private rest: Buffer = Buffer.alloc(0);

  /** The data of every event that `chunk` completes. Throws `EventTooLargeError`. */
  push(chunk: Buffer): Buffer[] {
    const bytes = this.rest.length > 0 ? Buffer.concat([this.rest, chunk]) : chunk;
    const events: Buffer[] = [];
    let start = 0;
    for (let end = endOfEvent(bytes, start); end; end = endOfEvent(bytes, start)) {
      if (end.last - start > MAX_EVENT_BYTES) throw new EventTooLargeError();
      const data = dataOf(bytes.subarray(start, end.last));
      if (data) events.push(data);
      start = end.next;
    }
    this.rest = start === bytes.length ? Buffer.alloc(0) : Buffer.from(bytes.subarray(start));
    if (this.rest.length > MAX_EVENT_BYTES) throw new EventTooLargeError();
    return events;
  }
}

/** An empty line ends an event; lines end in LF, CR LF or CR. */
function endOfEvent(bytes: Buffer, start: number): { last: number; next: number } | undefined {
  for (let i = nextLineEnd(bytes, start); i >= 0; i = nextLineEnd(bytes, i)) {
    const next = behindLineEnd(bytes, i);
    if (next >= bytes.length) return undefined;
    const byte = bytes[next];
    if (byte !== LF && byte !== CR) {
      i = next;
      continue;
    }
    // A CR at the end of a chunk may be half of a line end: it is decided when the next byte is here.
    if (byte === CR && next + 1 >= bytes.length) return undefined;
    return { last: i, next: behindLineEnd(bytes, next) };
  }
  return undefined;
}

function nextLineEnd(bytes: Buffer, from: number): number {
  const lf = bytes.indexOf(LF, from);
  const end = lf < 0 ? bytes.length : lf;
  const cr = bytes.subarray(from, end).indexOf(CR);
  return cr >= 0 ? from + cr : lf;
}

function behindLineEnd(bytes: Buffer, at: number): number {
  return bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : at + 1;
}

function dataOf(event: Buffer): Buffer | undefined {
  const lines: Buffer[] = [];
  for (let at = 0; at < event.length;) {
    const next = nextLineEnd(event, at);
    const line = event.subarray(at, next < 0 ? event.length : next);
    at = next < 0 ? event.length : behindLineEnd(event, next);
    if (!line.subarray(0, DATA.length).equals(DATA)) continue;
    lines.push(line.subarray(line[DATA.length] === 0x20 ? DATA.length + 1 : DATA.length));
  }
  if (lines.length === 0) return undefined;
  if (lines.length === 1) return lines[0];
  return Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [Buffer.from('\n'), line])));
}
