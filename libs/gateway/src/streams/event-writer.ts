import type { ServerResponse } from 'node:http';

/** How long a client may wait before it comes back. */
export const RETRY_MS = 1_000;
/** The revision whose clients take an event without data for what it is. */
const FIRST_PRIMED = '2025-11-25';
/** What a reader that does not read may leave waiting here. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** By response, the bytes that had left when the last comment was due. */
const leftAt = new WeakMap<ServerResponse, number>();
const EVENT_START = Buffer.from('event: message\ndata: ');
const EVENT_END = Buffer.from('\n\n');

/** 2025-11-25, transports: whether a client of this revision is given an id before there is anything to say. */
export const isPrimed = (version: string): boolean => version >= FIRST_PRIMED;

/** An event without data: where the client can come back from here on, and when. */
export function writePriming(response: ServerResponse, id: string): void {
  response.write(`id: ${id}\nretry: ${RETRY_MS}\ndata: \n\n`);
}

/** Writes an event; closes the connection of a reader that does not read. @param id absent if there is no coming back */
export function writeEvent(response: ServerResponse, data: Buffer, id?: string): void {
  if (response.writableLength > MAX_WAITING_BYTES) {
    response.destroy();
    return;
  }
  response.cork();
  if (id !== undefined) response.write(`id: ${id}\n`);
  response.write(EVENT_START);
  response.write(data);
  response.write(EVENT_END);
  response.uncork();
}

/**
 * Writes a comment, which keeps the connection from looking dead. One whose reader has taken nothing of what waits since
 * the last comment was due is closed: its process may hang, or its host be gone.
 */
export function writeKeepAlive(response: ServerResponse): void {
  const waiting = response.writableLength;
  const left = (response.socket?.bytesWritten ?? 0) - waiting;
  if (waiting > 0 && leftAt.get(response) === left) {
    response.destroy();
    return;
  }
  leftAt.set(response, left);
  response.write(': keep-alive\n\n');
}
