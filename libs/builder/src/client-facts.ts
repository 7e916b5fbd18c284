import { isObject } from '#kernel';
import { TASKS_EXTENSION, UI_EXTENSION, extensionsIn } from './mcp/extensions.js';
import { META_CAPABILITIES, MODERN_VERSION } from './mcp/mcp-protocol.js';
import type { Era } from './member.js';

/** What members may ask of clients, as far as it is carried; `elicitation` without a mode is the one of forms. */
export const CLIENT_FLAGS = [
  'elicitation.form',
  'elicitation.url',
  'extensions.tasks',
  'extensions.ui',
  'roots',
  'sampling',
  'sampling.context',
  'sampling.tools',
] as const;
export type ClientFlag = (typeof CLIENT_FLAGS)[number];

/** MCP Apps: the only type of page that there is. */
const APP_PAGE = 'text/html;profile=mcp-app';

/** Of the flags that stand for an extension: its name, and what a client says of it. */
const EXTENSIONS: ReadonlyMap<ClientFlag, readonly [id: string, settings: object]> = new Map([
  ['extensions.tasks', [TASKS_EXTENSION, {}]],
  ['extensions.ui', [UI_EXTENSION, { mimeTypes: [APP_PAGE] }]],
]);

/** What is known of a client, however its revision has it say so. */
export interface ClientFacts {
  readonly era: Era;
  readonly version: string;
  /** What it has declared, in the order of `CLIENT_FLAGS`. */
  readonly capabilities: readonly ClientFlag[];
}

/**
 * The flags in a client's `capabilities` (2025-11-25 and 2026-07-28). What is not known is left out, and so is what its era
 * has no words for: a client with a handshake is never given a task.
 */
export function flagsIn(capabilities: unknown, era: Era): readonly ClientFlag[] {
  if (!isObject(capabilities)) return [];
  const { elicitation, roots, sampling } = capabilities;
  const declared = new Set<ClientFlag>();
  if (isObject(elicitation)) {
    if (isObject(elicitation['url'])) declared.add('elicitation.url');
    if (isObject(elicitation['form']) || !isObject(elicitation['url'])) declared.add('elicitation.form');
  }
  if (isObject(roots)) declared.add('roots');
  if (isObject(sampling)) {
    declared.add('sampling');
    if (isObject(sampling['context'])) declared.add('sampling.context');
    if (isObject(sampling['tools'])) declared.add('sampling.tools');
  }
  const { [TASKS_EXTENSION]: tasks, [UI_EXTENSION]: ui } = extensionsIn(capabilities);
  if (tasks && era === 'modern') declared.add('extensions.tasks');
  if (showsApps(ui)) declared.add('extensions.ui');
  return CLIENT_FLAGS.filter((flag) => declared.has(flag));
}

/**
 * Clients that have declared the same have the same profile, and may share a session with a member; empty for nothing.
 * Tasks take no session of their own: members with sessions do not have them.
 */
export const profileOf = (flags: readonly ClientFlag[]): string =>
  flags.filter((flag) => flag !== 'extensions.tasks').join(' ');

/** What may be asked of clients with this profile; without one, of the composer itself, which declares all that it can carry. */
export function declaredBy(profile?: string): readonly ClientFlag[] {
  if (profile === undefined) return CLIENT_FLAGS;
  const flags = profile.split(' ');
  return CLIENT_FLAGS.filter((flag) => flags.includes(flag));
}

/** The `capabilities` that declare these flags and nothing else. */
export function declarationOf(flags: readonly ClientFlag[]): Readonly<Record<string, object>> {
  const declaration: Record<string, Record<string, object>> = {};
  for (const flag of flags) {
    const extension = EXTENSIONS.get(flag);
    if (extension) {
      (declaration['extensions'] ??= {})[extension[0]] = extension[1];
      continue;
    }
    const [capability, part] = flag.split('.') as [string, string?];
    const parts = (declaration[capability] ??= {});
    if (part) parts[part] = {};
  }
  return declaration;
}

/** Of a client of revision 2026-07-28, which says it with every request. */
export function modernFacts(params: Readonly<Record<string, unknown>>): ClientFacts {
  const meta = params['_meta'];
  const capabilities = flagsIn(isObject(meta) ? meta[META_CAPABILITIES] : undefined, 'modern');
  return { era: 'modern', version: MODERN_VERSION, capabilities };
}

function showsApps(settings: object | undefined): boolean {
  const types = settings && 'mimeTypes' in settings ? settings.mimeTypes : undefined;
  return Array.isArray(types) && types.includes(APP_PAGE);
}
