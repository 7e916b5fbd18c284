import { isObject } from '#kernel';
import type { GraphqlServerConfig, StoredCatalog } from '#registry';
import { GraphqlEndpoint } from '../graphql/graphql-endpoint.js';
import { GraphqlTool } from '../graphql/graphql-tool.js';
import {
  type GraphqlOperation,
  InvalidOperationsError,
  compileGiven,
  introspects,
  offeredKinds,
} from '../graphql/index.js';
import { offerOf } from '../member-offer.js';
import type { MemberPreview } from '../member-preview.js';
import type { PreviewOrder } from './member-parts.js';

/**
 * What the schema of a configuration and its stored operations make of it. Undefined where the service itself would have
 * to be asked for its schema.
 */
export async function previewSchema({
  ref,
  config,
  parts,
  stored,
}: PreviewOrder<GraphqlServerConfig>): Promise<MemberPreview | undefined> {
  const { id, graphql } = config;
  const { operations, skipped, faults } = await compileGiven(config, parts.schemas, ref.tenantId);
  if (faults.length > 0) throw new InvalidOperationsError(faults);
  if (introspects(graphql)) return undefined;
  const endpoint = new GraphqlEndpoint(new URL(graphql.endpoint), (text) => text);
  const any = offeredKinds(graphql).has('query')
    ? [new GraphqlTool({ name: id, endpoint, limits: graphql.limits }).definition]
    : [];
  return {
    title: '',
    offer: offerOf({ tools: [...any, ...operations.map(({ definition }) => definition)] }),
    operations: [
      ...any.map(() => ({ operation: ANY, kind: 'tool', own: id }) as const),
      ...operations.map(({ operation, name }) => ({ operation, kind: 'tool', own: name }) as const),
      ...skipped.map(({ field, reason }) => ({ operation: field, kind: 'skipped', reason }) as const),
    ],
    notes: [],
    hints: [],
    former: formerOperations(stored, id),
  };
}

/** What the one tool of the original is called among operations. */
const ANY = 'any operation';

function formerOperations(stored: StoredCatalog | undefined, id: string): ReadonlyMap<string, string> {
  const { operations } = isObject(stored?.content) ? stored.content : {};
  const known = Array.isArray(operations) ? (operations as readonly GraphqlOperation[]) : [];
  const former = known.map(({ name, operation }) => [name, operation] as const);
  return new Map([...(stored ? [[id, ANY] as const] : []), ...former]);
}
