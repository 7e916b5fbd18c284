import type { NumberedEvent } from './resumable-stream.js';

/** Puts events together again out of the records of a stream, which come in their order. */
export class StoredEvents {
  private rest = '';

  /** The events that this record completes. */
  push(text: string): readonly NumberedEvent[] {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop()!;
    return lines.map((line) => {
      const at = line.indexOf(' ');
      return { number: Number(line.slice(0, at)), data: Buffer.from(line.slice(at + 1), 'latin1') };
    });
  }
}
