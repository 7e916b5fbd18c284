import { type Edit, META_SUBSCRIPTION, type Span, applyEdits, insertMembers, scanObject, skipBlank } from '#builder';

/** Of tasks of 2025-11-25; servers that have both may still write it. */
const RELATED_TASK = 'io.modelcontextprotocol/related-task';
const OPEN_OBJECT = 0x7b;
const QUOTE = 0x22;
/** Where the id of a task stands in a response or a notification. */
const PLACES: readonly (readonly string[])[] = [
  ['result', 'taskId'],
  ['result', '_meta', RELATED_TASK, 'taskId'],
  ['result', 'result', '_meta', RELATED_TASK, 'taskId'],
  ['params', 'taskId'],
  ['params', '_meta', RELATED_TASK, 'taskId'],
  ['params', 'result', '_meta', RELATED_TASK, 'taskId'],
  ['error', 'data', 'taskId'],
];

/** The message with the handle wherever it names the task; no other byte changes. What cannot be read stays as it is. */
export function withHandle(message: Buffer, own: string, handle: string): Buffer {
  const bytes = Buffer.from(JSON.stringify(handle));
  const edits = PLACES.flatMap((path): readonly Edit[] => {
    const place = placeAt(message, path);
    return place && textAt(message, place) === own ? [{ ...place, bytes }] : [];
  });
  return applyEdits(message, edits);
}

/** The notification for the subscription of this id (2026-07-28, subscriptions). */
export function ofSubscription(notification: Buffer, id: string | number): Buffer {
  const value = JSON.stringify(id);
  const tag = `${JSON.stringify(META_SUBSCRIPTION)}:${value}`;
  const known = placeAt(notification, ['params', '_meta', META_SUBSCRIPTION]);
  if (known) return applyEdits(notification, [{ ...known, bytes: Buffer.from(value) }]);
  const meta = placeAt(notification, ['params', '_meta']);
  if (meta && notification[meta.start] === OPEN_OBJECT) {
    return applyEdits(notification, [insertMembers(notification, meta, tag)]);
  }
  const params = placeAt(notification, ['params']);
  return params ? applyEdits(notification, [insertMembers(notification, params, `"_meta":{${tag}}`)]) : notification;
}

/** The id of the task that a response has made, if it is one that makes a task: empty where it names none. */
export function createdTaskIn(message: Buffer): string | undefined {
  const type = placeAt(message, ['result', 'resultType']);
  if (!type || textAt(message, type) !== 'task') return undefined;
  const id = placeAt(message, ['result', 'taskId']);
  return (id && textAt(message, id)) ?? '';
}

function placeAt(message: Buffer, path: readonly string[]): Span | undefined {
  let place: Span | undefined = { start: skipBlank(message, 0), end: message.length };
  for (const key of path) {
    if (!place || message[place.start] !== OPEN_OBJECT) return undefined;
    place = memberAt(message, place, key);
  }
  return place;
}

function memberAt(message: Buffer, { start }: Span, key: string): Span | undefined {
  let found: Span | undefined;
  try {
    scanObject(message, start, (name, span) => {
      if (name === key) found = span;
    });
  } catch {
    return undefined;
  }
  return found;
}

function textAt(message: Buffer, { start, end }: Span): string | undefined {
  if (message[start] !== QUOTE) return undefined;
  try {
    return JSON.parse(message.toString('utf8', start, end)) as string;
  } catch {
    return undefined;
  }
}
