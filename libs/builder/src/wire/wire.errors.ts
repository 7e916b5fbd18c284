/** One event of an event stream (HTML Living Standard, 9.2) may be this large. */
export const MAX_EVENT_BYTES = 1024 * 1024;

/** What comes is no event stream that can be read on. */
export abstract class EventStreamError extends Error {}

/** An event, or the beginning of one, is larger than `MAX_EVENT_BYTES`. */
export class EventTooLargeError extends EventStreamError {
  constructor() {
    super(`an event of the stream is larger than ${MAX_EVENT_BYTES} bytes`);
  }
}

/** More events without data than keep any stream alive. */
export class EmptyEventsError extends EventStreamError {
  constructor() {
    super('the stream goes on and on with events that hold nothing');
  }
}
