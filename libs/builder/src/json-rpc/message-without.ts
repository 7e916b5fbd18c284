import { applyEdits } from './json-edit.js';
import { type Message, parseMessage } from './json-rpc-message.js';
import { scanObject, skipBlank } from './json-scan.js';

const COMMA = 0x2c;

/** The message without these parameters. Every other value stands as it came. */
export function withoutParams(message: Message, names: ReadonlySet<string>): Message {
  const { raw, places } = message;
  if (!places.params) return message;
  const { start, end } = places.params;
  const kept: Buffer[] = [];
  let from = start + 1;
  scanObject(raw, start, (name, value) => {
    if (!names.has(name)) kept.push(Buffer.from(','), memberIn(raw, from, value.end));
    from = value.end;
  });
  const bytes = Buffer.concat([Buffer.from('{'), ...kept.slice(1), Buffer.from('}')]);
  return parseMessage(applyEdits(raw, [{ start, end, bytes }]));
}

/** A name and its value, without what parts them from the one before. */
function memberIn(raw: Buffer, from: number, end: number): Buffer {
  let at = skipBlank(raw, from);
  while (raw[at] === COMMA) at = skipBlank(raw, at + 1);
  return raw.subarray(at, end);
}
