import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** So much may lie about. To collect it takes a millisecond or three, where the heap is not full of young objects that live. */
const MOST_BYTES = 8 * 1024 * 1024;

type Collect = (options: { readonly type: 'minor' }) => unknown;

let collect: Collect | undefined;
let discarded = 0;

/**
 * Told of bytes that came from a member and that nobody needs any more. Call it when you have let go of them.
 *
 * Each read of a socket or a pipe is a buffer of its own beside the heap of V8, which collects when the heap is full: someone who sends very much that comes to nothing fills
 * the heap with next to nothing, and more than 40 MiB of dead buffers pile up before they are noticed. So the young ones are
 * collected for each 8 MiB. What was kept through several collections, and only then given up, waits for V8 as ever.
 *
 * For pieces of streams, for room that was outgrown, and for bodies that are broken off; not for whole bodies that were
 * wanted. Where V8 offers no collection nothing is done, and it collects when it likes.
 */
export function noteDiscarded(bytes: number): void {
  discarded += bytes;
  if (discarded < MOST_BYTES) return;
  discarded = 0;
  collect ??= exposedCollect();
  collect({ type: 'minor' });
}

/** V8 gives the function to contexts that are made while the flag is set; ours keep their globals as they are. */
function exposedCollect(): Collect {
  // Whoever started this process with the flag wants it to stay.
  if (typeof globalThis.gc === 'function') return globalThis.gc;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('globalThis.gc') as Collect | undefined;
  setFlagsFromString('--no-expose-gc');
  return collect ?? (() => undefined);
}
