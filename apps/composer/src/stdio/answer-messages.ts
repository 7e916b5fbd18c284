import type { IncomingMessage } from 'node:http';
import { EventStreamReader } from '#builder';

/** A body that is no stream; no answer of the composer is larger. */
const MAX_BYTES = 64 * 1024 * 1024;

/** The messages that an answer of the endpoint holds, as they come: of a stream of events, or the one that is its body. */
export async function* messagesIn(answer: IncomingMessage): AsyncGenerator<Buffer> {
  if (!(answer.headers['content-type'] ?? '').startsWith('text/event-stream')) {
    const body = await bodyOf(answer);
    if (body.length > 0) yield body;
    return;
  }
  const reader = new EventStreamReader();
  for await (const chunk of answer as AsyncIterable<Buffer>) yield* reader.push(chunk);
}

async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
