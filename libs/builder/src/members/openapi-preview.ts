import { isObject } from '#kernel';
import type { OpenApiServerConfig, StoredCatalog } from '#registry';
import { offerOf } from '../member-offer.js';
import type { MemberPreview, PreviewedOperation } from '../member-preview.js';
import {
  EXCLUDED,
  type ImportedDocument,
  type OpenApiOperation,
  type OpenApiResource,
  ResourceUris,
} from '../openapi/index.js';
import type { PreviewOrder } from './member-parts.js';
import { loadSpecification } from './specification-source.js';

/**
 * What the document of an OpenAPI member makes of it. The document is fetched and imported as for the member itself, in
 * the same threads and with the same bounds; its service is not called.
 */
export async function previewDocument(
  { ref, config, parts, stored }: PreviewOrder<OpenApiServerConfig>,
  definitionOf: (operation: OpenApiOperation) => string,
): Promise<MemberPreview> {
  const { custom_routes: customRoutes, layered: isLayered, endpoint } = config.open_api;
  const { source } = await loadSpecification(config.open_api, parts.http);
  const settings = { customRoutes, isLayered, endpoint };
  const imported = await parts.documents.import(source, settings, ref.tenantId);
  const uris = new ResourceUris(config.id, imported.resources);
  const tools: string[] = [];
  for (const [at, operation] of imported.operations.entries()) {
    // Those of a large service have megabytes: other work gets its turn between two portions.
    if (at % PORTION === PORTION - 1) await new Promise((resolve) => setImmediate(resolve));
    tools.push(definitionOf(operation));
  }
  return {
    title: imported.title,
    offer: offerOf({ tools, resources: uris.definitions(false), resourceTemplates: uris.definitions(true) }),
    operations: [
      ...imported.operations.map(asTool),
      ...imported.resources.map(asResource),
      ...imported.skipped.map(asLeftOut),
    ],
    notes: imported.notes,
    hints: imported.security,
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

const asResource = ({ isTemplate, operation }: OpenApiResource): PreviewedOperation => ({
  operation: labelOf(operation),
  kind: isTemplate ? 'template' : 'resource',
});

function formerOperations(stored: StoredCatalog | undefined): ReadonlyMap<string, string> {
  const { operations } = isObject(stored?.content) ? stored.content : {};
  const known = Array.isArray(operations) ? (operations as readonly OpenApiOperation[]) : [];
  return new Map(known.map((operation) => [operation.name, labelOf(operation)]));
}
