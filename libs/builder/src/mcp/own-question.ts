import { MemberProtocolError, asComposerError } from '../builder.errors.js';
import type { Deadlines } from '../wire/deadlines.js';
import type { TimeLimit } from '../wire/time-limit.js';
import { decoded } from './control-request.js';
import type { MessageStream } from './message-stream.js';

/** What the composer asks of its own accord, of a member that answers on one stream. */
export interface OwnQuestion {
  /** No other request on the stream has it. */
  readonly id: number;
  readonly method: string;
  readonly limit: TimeLimit;
  readonly deadlines: Pick<Deadlines, 'add'>;
  /** Rejects if it cannot be sent, or is not taken. */
  readonly send: () => Promise<void>;
  /** Why it was not sent where the stream is over. */
  readonly over: () => Error;
}

/** The answer, decoded and as it came. */
export interface OwnAnswer {
  readonly value: Record<string, unknown>;
  readonly raw: Buffer;
}

/** Asks, and waits for the answer within the limit; drops it from the stream in any case. */
export function askOn(stream: MessageStream, question: OwnQuestion): Promise<OwnAnswer> {
  const { id, method, limit, deadlines, send, over } = question;
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clear();
      stream.drop(id);
      act();
    };
    const fail = (error: unknown): void => settle(() => reject(asComposerError(error)));
    const clear = deadlines.add(limit.left(), () => fail(limit.passed()));
    const isWaiting = stream.expect(id, {
      answer: ({ raw }) => {
        const value = decoded(raw);
        if (value) settle(() => resolve({ value, raw }));
        else fail(new MemberProtocolError(`its answer to ${method} cannot be read: not valid JSON`));
      },
      progress: () => undefined,
      lost: fail,
    });
    if (isWaiting) send().catch(fail);
    else fail(over());
  });
}
