import { Clock, type TenantId } from '#kernel';
import { Log, SecretValues } from '#observability';
import { DocumentChanges, type Documents, KeyWrapper } from '#persistence';
import { ringProvider } from '#persistence/testing';
import type { AuditEvent } from '../src/audit-event.js';
import { EVENTS, entriesOf } from '../src/documents/chain-documents.js';
import { DocumentsAuditTrail } from '../src/documents/documents.audit-trail.js';
import { OutboxSweep } from '../src/documents/outbox-sweep.js';
import { RecordedDocuments } from '../src/documents/recorded-documents.js';
import type { TrailOptions } from './trail-on.js';

/** What one process has to record changes of documents with. */
export interface OpenRecording {
  readonly recorded: RecordedDocuments;
  readonly trail: DocumentsAuditTrail;
  readonly changes: DocumentChanges;
  /** Not begun: tests say when it sweeps. */
  readonly sweep: OutboxSweep;
}

/** A real trail on documents. */
export async function documentsTrailOn(
  documents: Documents,
  { clock = new Clock(), provider }: TrailOptions = {},
): Promise<DocumentsAuditTrail> {
  return new DocumentsAuditTrail(documents, new KeyWrapper(provider ?? (await ringProvider())), clock);
}

/** Recorded documents on any documents, as one process has them. */
export async function recordingOn(
  documents: Documents,
  options: TrailOptions & { readonly trail?: DocumentsAuditTrail } = {},
): Promise<OpenRecording> {
  const clock = options.clock ?? new Clock();
  const trail = options.trail ?? (await documentsTrailOn(documents, options));
  const changes = new DocumentChanges(documents, clock);
  const log = Log.open({ level: 'fatal', format: 'json' }, new SecretValues(), () => undefined);
  return {
    recorded: new RecordedDocuments(documents, trail, changes, clock),
    trail,
    changes,
    sweep: new OutboxSweep(documents, trail, changes, clock, log),
  };
}

/** The actions in the trail of a tenant, in their order. */
export async function recordedActions(documents: Documents, tenant: TenantId): Promise<readonly string[]> {
  const actions: string[] = [];
  let after = '';
  for (;;) {
    const page = await documents.range(tenant, { prefix: EVENTS, after, limit: 200 });
    for (const { body } of page.flatMap(entriesOf)) actions.push((JSON.parse(body) as AuditEvent).action);
    if (page.length < 200) return actions;
    after = page.at(-1)!.path;
  }
}
