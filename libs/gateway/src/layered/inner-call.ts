import { type Message, type Span, applyEdits, parseMessage, scanObject } from '#builder';

const NO_ARGUMENTS = Buffer.from('{}');
const OPEN_OBJECT = 0x7b;

/**
 * The call that a `make_tool_call` is about: its arguments are those inside of the arguments. Every other value stands as
 * it came; the name is for the member to put in. Throws `MessageError` where `parseMessage` does.
 */
export function innerCall(message: Message): Message {
  const { raw, places } = message;
  const outer = places.params && memberAt(raw, places.params, 'arguments');
  if (!outer) return message;
  const inner = memberAt(raw, outer, 'arguments');
  const bytes = inner && raw[inner.start] === OPEN_OBJECT ? raw.subarray(inner.start, inner.end) : NO_ARGUMENTS;
  return parseMessage(applyEdits(raw, [{ ...outer, bytes }]));
}

/** The last one of this name, as `JSON.parse` reads it. */
function memberAt(raw: Buffer, { start }: Span, key: string): Span | undefined {
  if (raw[start] !== OPEN_OBJECT) return undefined;
  let found: Span | undefined;
  scanObject(raw, start, (name, span) => {
    if (name === key) found = span;
  });
  return found;
}
