import type { IncomingMessage } from 'node:http';

/** A message may be this large. */
export const MAX_BODY_BYTES = 1024 * 1024;

export type BodyOutcome = { readonly body: Buffer } | { readonly refused: 'too-large' | 'aborted' };

/** Reads a body of at most `MAX_BODY_BYTES`. What is too large is not kept, and not read to its end. */
export function readBody(request: IncomingMessage, done: (outcome: BodyOutcome) => void): void {
  // Its sender has gone while it was found out who that is: nothing more is told of it.
  if (request.destroyed) return done({ refused: 'aborted' });
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > MAX_BODY_BYTES) {
    request.resume();
    return done({ refused: 'too-large' });
  }
  const chunks: Buffer[] = [];
  let received = 0;
  let isDone = false;
  const finish = (outcome: BodyOutcome) => {
    if (isDone) return;
    isDone = true;
    done(outcome);
  };
  request.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received > MAX_BODY_BYTES) return finish({ refused: 'too-large' });
    if (!isDone) chunks.push(chunk);
  });
  request.on('end', () => finish({ body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) }));
  request.on('close', () => finish({ refused: 'aborted' }));
  request.on('error', () => finish({ refused: 'aborted' }));
}
