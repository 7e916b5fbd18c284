import { noteDiscarded } from '#egress';

const NOTHING = Buffer.alloc(0);
const FIRST_ROOM = 4_096;
/** Larger room of which little is used is given up: streams that are open for days would keep it. */
const MOST_SPARE = 64 * 1024;

/**
 * The beginning of something whose end has not come yet, with room behind it for more: appending small pieces costs no
 * more than their bytes. The bound of its length is its owner's to keep.
 */
export class HeldBytes {
  private room = NOTHING;
  private used = 0;

  get length(): number {
    return this.used;
  }

  /** Only until the next change; `giveAway` is for those that last. */
  get bytes(): Buffer {
    return this.room.subarray(0, this.used);
  }

  append(part: Buffer): void {
    if (part.length === 0) return;
    const length = this.used + part.length;
    if (length > this.room.length) {
      this.move(Math.max(FIRST_ROOM, 2 * length));
    }
    part.copy(this.room, this.used);
    this.used = length;
  }

  /** Nothing is held after it. The bytes are never written over. */
  giveAway(): Buffer {
    const { bytes } = this;
    this.room = NOTHING;
    this.used = 0;
    return bytes;
  }

  /** Forgets the first `count` bytes, of which nobody else has any. */
  drop(count: number): void {
    this.room.copyWithin(0, count, this.used);
    this.used -= count;
    if (this.room.length > MOST_SPARE && this.used <= this.room.length / 4) this.move(this.used);
  }

  private move(size: number): void {
    const { bytes } = this;
    const outgrown = this.room.length;
    this.room = Buffer.allocUnsafe(size);
    bytes.copy(this.room);
    noteDiscarded(outgrown);
  }
}
