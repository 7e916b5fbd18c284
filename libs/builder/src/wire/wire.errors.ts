/** One event of an event stream (HTML Living Standard, 9.2) may be this large. */
export const MAX_EVENT_BYTES = 1024 * 1024;

/** An event, or the beginning of one, is larger than `MAX_EVENT_BYTES`. */
export class EventTooLargeError extends Error {
  constructor() {
    super(`an event of the stream is larger than ${MAX_EVENT_BYTES} bytes`);
  }
}
