/** Nesting that a message may have. Deeper ones are refused before anything recursive touches them. */
export const MAX_DEPTH = 64;

export type MessageId = string | number;

/** The bytes are not JSON. */
export class NotJsonError extends Error {
  constructor() {
    super('not valid JSON');
  }
}

/** The message nests deeper than `MAX_DEPTH`. */
export class TooDeepError extends Error {
  constructor() {
    super(`nests deeper than ${MAX_DEPTH} levels`);
  }
}

/** Why bytes are no message, with the code that JSON-RPC 2.0 section 5.1 gives it. */
export class MessageError extends Error {
  constructor(
    readonly code: -32700 | -32600,
    message: string,
    /** The id, if the message got far enough to have one. */
    readonly id?: MessageId,
  ) {
    super(message);
  }
}
