import { isObject } from '#kernel';
import { type Edit } from '../json-rpc/json-edit.js';
import type { Message } from '../json-rpc/json-rpc-message.js';
import { type Span, scanObject } from '../json-rpc/json-scan.js';
import { META_CAPABILITIES, MISSING_CAPABILITY } from './mcp-protocol.js';

/** SEP-2663: a call may be answered with a task, whose result is asked for later. */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';
/** MCP Apps: tools that bring a user interface, as data. */
export const UI_EXTENSION = 'io.modelcontextprotocol/ui';

/**
 * Extensions that are carried between clients and members. All others, those of authorization above all, are between two
 * neighbours: nobody hears from the composer what its neighbour on the other side has said of them.
 */
export const CARRIED_EXTENSIONS = [TASKS_EXTENSION, UI_EXTENSION] as const;
export type CarriedExtension = (typeof CARRIED_EXTENSIONS)[number];

const CARRIED: ReadonlySet<string> = new Set(CARRIED_EXTENSIONS);
const OPEN_OBJECT = 0x7b;

/** The carried extensions in the `capabilities` of a client or a member, each with its settings. */
export function extensionsIn(capabilities: unknown): Readonly<Partial<Record<CarriedExtension, object>>> {
  const given = isObject(capabilities) ? capabilities['extensions'] : undefined;
  if (!isObject(given)) return {};
  return Object.fromEntries(CARRIED_EXTENSIONS.flatMap((id) => (isObject(given[id]) ? [[id, given[id]]] : [])));
}

/** What of a modern caller's own declaration is not for members. */
export function extensionEdits({ raw, params, places }: Message): readonly Edit[] {
  const meta = params['_meta'];
  const capabilities = isObject(meta) ? meta[META_CAPABILITIES] : undefined;
  const given = isObject(capabilities) ? capabilities['extensions'] : undefined;
  if (!isObject(given) || Object.keys(given).every((id) => CARRIED.has(id))) return [];
  const bytes = Buffer.from(JSON.stringify(extensionsIn(capabilities)));
  return within(raw, [places.meta!], META_CAPABILITIES, 'extensions').map((place) => ({ ...place, bytes }));
}

/** Every value that stands under this way of keys, however often one of them is there. */
function within(raw: Buffer, objects: readonly Span[], ...keys: readonly string[]): readonly Span[] {
  const [key, ...rest] = keys;
  if (key === undefined) return objects;
  const found: Span[] = [];
  for (const { start } of objects) {
    if (raw[start] !== OPEN_OBJECT) continue;
    scanObject(raw, start, (name, place) => {
      if (name === key) found.push(place);
    });
  }
  return within(raw, found, ...rest);
}

/** Of the error that tells a client that what it asks for takes tasks (SEP-2663, capability negotiation). */
export const MISSING_TASKS = {
  code: MISSING_CAPABILITY,
  message: 'Missing required client capability',
  data: { requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } } },
} as const;
