import { type MemberPreview, MemberSlot, type PreviewedOperation } from '#builder';
import type { Log } from '#observability';
import { type Considered, type ServerConfig, facadeOf } from '#registry';
import { type CatalogEntry, entriesOf, hiddenToolsOf } from '../catalog/catalog-entry.js';
import { tokenCostOf } from './token-cost.js';
import { type ComparedTool, changesBetween } from './tool-changes.js';

/** Which of the operations are told. */
export interface PreviewPage {
  readonly offset: number;
  readonly limit: number;
}

/** A preview, and what it is compared with. */
export interface Previewed {
  readonly considered: Considered;
  /** Undefined: only the member itself could tell. */
  readonly preview: MemberPreview | undefined;
  /** What serves now under the id. */
  readonly serving: MemberSlot | undefined;
  readonly log: Log;
}

/** Of the operations on one page, as JSON. */
const MAX_PAGE_BYTES = 1024 * 1024;
const MAX_NOTES = 200;
const MAX_CHANGES = 1_000;

/** What is answered to whoever looks before registering. Holds no setting of the configuration. */
export async function previewAnswer(previewed: Previewed, page: PreviewPage): Promise<object> {
  const { considered, preview, serving } = previewed;
  const { candidate, isKnown, warnings, needsReentry } = considered;
  const { id, type } = candidate.config;
  const head = {
    id,
    type,
    exists: isKnown,
    checks: checksOf(candidate.config),
    warnings,
    ...(needsReentry.length > 0 ? { needs_reentry: needsReentry } : {}),
    known: preview !== undefined,
  };
  if (!preview) return { ...head, needs: needsOf(candidate.config) };

  const slot = new MemberSlot(candidate.ref, candidate.config, previewed.log);
  slot.offer = preview.offer;
  const listed = entriesOf(slot, 'tools');
  const after = toolsOf(slot, new Map(preview.operations.map(({ own = '', operation }) => [own, operation])));
  const told = toldOperations(preview.operations, after, facadeOf(candidate.config) !== undefined);
  const notes = preview.notes.slice(0, MAX_NOTES);
  return {
    ...head,
    title: preview.title,
    layered: facadeOf(candidate.config) !== undefined,
    counts: { ...countsOf(told), listed: listed.length, notes: preview.notes.length },
    tokens: tokenCostOf(listed),
    hints: preview.hints,
    ...(serving ? { changes: atMost(await changesBetween(toolsOf(serving, preview.former), after)) } : {}),
    notes,
    operations: pageOf(told, page),
    ...page,
    total: told.length,
  };
}

/** All that clients of a member can call, by its own names or through the three of a layered one. */
function toolsOf(slot: MemberSlot, operations: ReadonlyMap<string, string>): readonly ComparedTool[] {
  const isLayered = slot.config !== undefined && facadeOf(slot.config) !== undefined;
  const entries = isLayered ? hiddenToolsOf(slot) : entriesOf(slot, 'tools');
  return entries.map((entry) => ({ entry, operation: operations.get(ownNameOf(entry)) }));
}

const ownNameOf = ({ target }: CatalogEntry): string => ('own' in target ? target.own : '');

type ToldOperation = Pick<PreviewedOperation, 'operation' | 'kind' | 'reason'> & { readonly name?: string };

function toldOperations(
  operations: readonly PreviewedOperation[],
  tools: readonly ComparedTool[],
  isLayered: boolean,
): readonly ToldOperation[] {
  const names = new Map(tools.map(({ entry }) => [ownNameOf(entry), entry.name]));
  return operations.map(({ operation, kind, own, service, reason }) => {
    if (own === undefined) return { operation, kind, ...(reason === undefined ? {} : { reason }) };
    const name = names.get(own);
    if (name === undefined) return { operation, name: own, kind: 'excluded', reason: 'is one of disabled_tools' };
    return { operation, name: isLayered ? (service ?? own) : name, kind };
  });
}

function countsOf(operations: readonly ToldOperation[]): Readonly<Record<string, number>> {
  const count = (wanted: ToldOperation['kind']) => operations.filter(({ kind }) => kind === wanted).length;
  return {
    operations: operations.length,
    tools: count('tool'),
    resources: count('resource'),
    templates: count('template'),
    excluded: count('excluded'),
    skipped: count('skipped'),
  };
}

/** As many as fit; the next page begins behind them. */
function pageOf(operations: readonly ToldOperation[], { offset, limit }: PreviewPage): readonly ToldOperation[] {
  let bytes = 0;
  const page = operations.slice(offset, offset + limit);
  const end = page.findIndex((one) => (bytes += Buffer.byteLength(JSON.stringify(one))) > MAX_PAGE_BYTES);
  return end < 0 ? page : page.slice(0, end);
}

type Changes = Awaited<ReturnType<typeof changesBetween>>;

/** How many there are, and the first of each kind. */
function atMost({ added, removed, changed, renamed, unchanged }: Changes): object {
  const lists = { added, removed, changed, renamed };
  const counts = Object.fromEntries(Object.entries(lists).map(([kind, list]) => [kind, list.length]));
  const first = Object.fromEntries(Object.entries(lists).map(([kind, list]) => [kind, list.slice(0, MAX_CHANGES)]));
  return { counts: { ...counts, unchanged }, ...first };
}

/** Whatever does not pass is thrown before: what is told here has passed. */
function checksOf({ type }: ServerConfig): object {
  return { configuration: 'valid', addresses: 'allowed', ...(type === 'stdio' ? { command: 'allowed' } : {}) };
}

function needsOf({ type }: ServerConfig): string {
  const how = type === 'stdio' ? 'starts its process and asks it' : 'calls it and asks';
  return `What it offers is known only once it is registered: then the composer ${how}. Nothing was called or started now.`;
}
