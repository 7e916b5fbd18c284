import { type JsonObject, isObject } from '#kernel';
import type { OpenApiServerConfig, StoredCatalog } from '#registry';
import { offerOf } from '../member-offer.js';
import type { MemberPreview, PreviewedOperation } from '../member-preview.js';
import { EXCLUDED, type ImportedDocument, type OpenApiOperation } from '../openapi/index.js';
import type { PreviewOrder } from './member-parts.js';
import { loadSpecification } from './specification-source.js';

/**
 * What the document of an OpenAPI member makes of it. The document is fetched and imported as for the member itself, in
 * the same threads and with the same bounds; its service is not called.
 */
export async function previewDocument(
  { config, parts, stored }: PreviewOrder<OpenApiServerConfig>,
  definitionOf: (operation: OpenApiOperation) => string,
): Promise<MemberPreview> {
  const { custom_routes: customRoutes, layered: isLayered } = config.open_api;
  const { source } = await loadSpecification(config.open_api, parts.http);
  const imported = await parts.documents.import(source, { customRoutes, isLayered });
  const tools: string[] = [];
  for (const [at, operation] of imported.operations.entries()) {
    // Those of a large service have megabytes: other work gets its turn between two portions.
    if (at % PORTION === PORTION - 1) await new Promise((resolve) => setImmediate(resolve));
    tools.push(definitionOf(operation));
  }
  return {
    title: imported.title,
    offer: offerOf({ tools }),
    operations: [
      ...imported.operations.map(asTool),
      ...resourcesIn(imported).map(asResource),
      ...imported.skipped.map(asLeftOut),
    ],
    notes: imported.notes,
    hints: hintsIn(imported),
    former: formerOperations(stored),
  };
}

/** Definitions that are made at once. */
const PORTION = 64;

const labelOf = ({ method, path, query }: Pick<OpenApiOperation, 'method' | 'path' | 'query'>): string =>
  `${method} ${path}${query ? `?${query}` : ''}`;

function asTool(operation: OpenApiOperation): PreviewedOperation {
  const service = operation.facts?.operationId;
  return { operation: labelOf(operation), kind: 'tool', own: operation.name, ...(service ? { service } : {}) };
}

const asLeftOut = ({ operation, reason }: ImportedDocument['skipped'][number]): PreviewedOperation => ({
  operation,
  kind: reason === EXCLUDED ? 'excluded' : 'skipped',
  reason,
});

interface ImportedResource {
  readonly isTemplate: boolean;
  readonly operation: OpenApiOperation;
}

function resourcesIn(imported: object): readonly ImportedResource[] {
  const { resources } = imported as { readonly resources?: readonly ImportedResource[] };
  return resources ?? [];
}

const asResource = ({ isTemplate, operation }: ImportedResource): PreviewedOperation => ({
  operation: labelOf(operation),
  kind: isTemplate ? 'template' : 'resource',
});

function hintsIn(imported: object): readonly JsonObject[] {
  const { security } = imported as { readonly security?: readonly JsonObject[] };
  return security ?? [];
}

function formerOperations(stored: StoredCatalog | undefined): ReadonlyMap<string, string> {
  const { operations } = isObject(stored?.content) ? stored.content : {};
  const known = Array.isArray(operations) ? (operations as readonly OpenApiOperation[]) : [];
  return new Map(known.map((operation) => [operation.name, labelOf(operation)]));
}
