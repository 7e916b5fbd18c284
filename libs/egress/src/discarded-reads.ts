import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** So much may lie about. A collection takes one to three milliseconds, no longer than it takes to read as much. */
const MOST_BYTES = 8 * 1024 * 1024;

type Collect = (options: { readonly type: 'minor' }) => void;

let collect: Collect | undefined;
let discarded = 0;

/**
 * Told of bytes that came from a member and that nobody holds any more. Each read of a socket or a pipe is a buffer of its
 * own beside the heap of V8, which collects when the heap is full: someone who sends very much that comes to nothing fills
 * the heap with next to nothing, and more than 40 MiB of dead buffers pile up before they are noticed. So the young ones are
 * collected for each 8 MiB. What was kept through several collections, and only then given up, waits for V8 as ever.
 *
 * For streams, and for answers that are broken off; not for bodies that were wanted.
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
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as Collect;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
