import { HeldBytes } from '../wire/held-bytes.js';
import { LineTooLongError, MAX_LINE_BYTES } from './stdio.errors.js';

const LF = 0x0a;
const CR = 0x0d;

/** Cuts what a process writes into lines. Looks at every byte once, however small the pieces are in which they come. */
export class LineReader {
  /** The beginning of a line that has no end yet. */
  private readonly held = new HeldBytes();

  /** Whether a line has begun that has no end yet. */
  get isInside(): boolean {
    return this.held.length > 0;
  }

  /** The lines that `chunk` completes, without their ends, and without those that are empty. Throws `LineTooLongError`. */
  push(chunk: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = this.held.length === 0 ? behindEmptyLines(chunk, 0) : 0;
    for (let end = chunk.indexOf(LF, start); end >= 0; end = chunk.indexOf(LF, start)) {
      const line = this.complete(chunk.subarray(start, end));
      if (line.length > 1 || line[0] !== CR) lines.push(line);
      start = behindEmptyLines(chunk, end + 1);
    }
    this.hold(chunk.subarray(start));
    return lines;
  }

  private complete(end: Buffer): Buffer {
    if (this.held.length === 0 && end.length <= MAX_LINE_BYTES) return end;
    this.hold(end);
    return this.held.giveAway();
  }

  private hold(part: Buffer): void {
    if (this.held.length + part.length > MAX_LINE_BYTES) throw new LineTooLongError();
    this.held.append(part);
  }
}

/** Looked at byte by byte: millions of them must not cost millions of buffers. */
function behindEmptyLines(chunk: Buffer, start: number): number {
  let at = start;
  while (chunk[at] === LF || (chunk[at] === CR && chunk[at + 1] === LF)) at++;
  return at;
}
