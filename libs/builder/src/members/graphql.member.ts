import { createHash } from 'node:crypto';
import { type PrincipalId, isObject } from '#kernel';
import type { GraphqlServerConfig, StoredCatalog } from '#registry';
import { SpecificationError } from '../builder.errors.js';
import { GraphqlEndpoint } from '../graphql/graphql-endpoint.js';
import { GraphqlTool } from '../graphql/graphql-tool.js';
import { ToolGoneError } from '../graphql/graphql.errors.js';
import {
  type CompiledSchema,
  InvalidOperationsError,
  SchemaMissingError,
  compileGiven,
  fingerprintOfSchema,
  introspects,
  offeredKinds,
  schemaOptions,
} from '../graphql/index.js';
import { graphqlAnswer, introspect } from '../graphql/introspection.js';
import { OperationTool } from '../graphql/operation-tool.js';
import { TypeExcerpt } from '../graphql/type-excerpt.js';
import type { MemberReply, MemberRequest } from '../member.js';
import { type MemberOffer, offerOf } from '../member-offer.js';
import { type ServiceAnswer, askMember } from './ask-member.js';
import type { ReadyCall } from './live-member.js';
import { previewSchema } from './graphql-preview.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { type RequestTool, RequestToolCall } from './request-tool-call.js';
import { WireMember } from './wire-member.js';

/** What is kept of a schema and of stored operations. */
interface Compiled extends Pick<CompiledSchema, 'operations' | 'types'> {
  readonly fingerprint: string;
  /** Of the introspection that it was made from. */
  readonly digest?: string;
}

/** A schema beyond this is not asked for with every check. */
const SMALL_SCHEMA = 256 * 1024;
const LARGE_SCHEMA_EVERY_MS = 10 * 60_000;
const MAX_LOGGED = 50;

/** A GraphQL service: one tool that takes any operation, tools for the fields of its schema, and for stored operations. */
export class GraphqlMember extends WireMember<GraphqlServerConfig> {
  /** Some services answer what asks for no data without looking at the credential. */
  readonly provesCredential = false;
  private readonly wire: GraphqlEndpoint;
  private readonly generic: GraphqlTool | undefined;
  private tools: ReadonlyMap<string, RequestTool> = new Map();
  private offer: MemberOffer = offerOf({});
  private compiled!: Compiled;
  private nextLookAt = 0;
  /** The configuration is new: whoever wrote it is told what does not fit. */
  private isNew: boolean;

  constructor(order: MemberOrder<GraphqlServerConfig>, compiled: Compiled) {
    super(order, new URL(order.config.graphql.endpoint));
    const { config, log, isNew } = order;
    this.isNew = isNew;
    this.wire = new GraphqlEndpoint(this.endpoint, (text) => log.mask(text));
    const { limits } = config.graphql;
    const hasGeneric = offeredKinds(config.graphql).has('query');
    this.generic = hasGeneric ? new GraphqlTool({ name: config.id, endpoint: this.wire, limits }) : undefined;
    this.take(compiled);
  }

  async refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer> {
    const until = performance.now() + timeoutMs;
    const ask = (query: string): Promise<ServiceAnswer> => {
      const { method, path, headers, body } = this.wire.post(query);
      const leftMs = Math.max(1, Math.ceil(until - performance.now()));
      const request = { method, path, headers: { ...this.headers, ...headers }, body, timeoutMs: leftMs };
      return askMember(this.pool, this.credentials.for(undefined, as), request);
    };
    const isDue = introspects(this.order.config.graphql) && this.order.clock.now() >= this.nextLookAt;
    if (isDue) await this.look(ask);
    else graphqlAnswer(await ask('{ __typename }'));
    return this.offered();
  }

  offered(): MemberOffer {
    return this.offer;
  }

  snapshot(): StoredCatalog {
    return { fetchedAt: new Date(this.order.clock.now()), content: this.compiled };
  }

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall {
    return new RequestToolCall(this.wirePartsFor(request), this.tools.get(request.target) ?? GONE, request, reply);
  }

  /** Asks for the schema, and makes other tools of it if it is another one. */
  private async look(ask: (query: string) => Promise<ServiceAnswer>): Promise<void> {
    const { ref, config, parts, clock, log } = this.order;
    const found = await introspect(ask);
    if ('refusal' in found) {
      if (offeredKinds(config.graphql).has('fields')) throw new SchemaMissingError(found.refusal);
      return;
    }
    const { body } = found;
    const digest = createHash('sha256').update(body).digest('base64url');
    if (digest !== this.compiled.digest) {
      const made = await parts.schemas.import(body, schemaOptions(config), ref.tenantId);
      const { faults, skipped, operations, types } = made;
      if (skipped.length > 0) log.info('fields left out', { skipped: skipped.slice(0, MAX_LOGGED) });
      if (faults.length > 0) log.warn('stored operations left out', { faults: faults.slice(0, MAX_LOGGED) });
      this.take({ fingerprint: this.compiled.fingerprint, digest, operations, types });
      const isTold = this.isNew && faults.length > 0;
      this.isNew = false;
      if (isTold) throw new InvalidOperationsError(faults);
    }
    if (body.length > SMALL_SCHEMA) this.nextLookAt = clock.now() + LARGE_SCHEMA_EVERY_MS;
  }

  private take(compiled: Compiled): void {
    const { wire, generic } = this;
    const { id, graphql } = this.order.config;
    const { operations } = compiled;
    const parts = { endpoint: wire, limits: graphql.limits, types: new TypeExcerpt(compiled.types) };
    const tools = operations.map((operation) => [operation.name, new OperationTool(operation, parts)] as const);
    this.compiled = compiled;
    this.tools = new Map<string, RequestTool>([...(generic ? [[id, generic] as const] : []), ...tools]);
    const definitions = operations.map(({ definition }) => definition);
    this.offer = offerOf({ tools: [...(generic ? [generic.definition] : []), ...definitions] });
  }
}

const GONE: RequestTool = {
  requestFor: () => {
    throw new ToolGoneError();
  },
  resultOf: () => ({}),
};

export const graphqlMemberBuilder: MemberBuilder<GraphqlServerConfig> = {
  types: ['graphql'],
  preview: previewSchema,
  async build(order) {
    const { config, stored, isNew } = order;
    const fingerprint = fingerprintOfSchema(config);
    const before = compiledIn(stored, fingerprint);
    // What the service has told before is asked for again by the next check.
    if (before && (!isNew || introspects(config.graphql))) return new GraphqlMember(order, before);
    try {
      return new GraphqlMember(order, { fingerprint, ...(await compiledFrom(order)) });
    } catch (error) {
      // What was compiled from the same source still serves when the source is away.
      if (error instanceof SpecificationError && before) return new GraphqlMember(order, before);
      throw error;
    }
  },
};

/** What can be had without the service. */
async function compiledFrom({
  ref,
  config,
  parts,
  log,
}: MemberOrder<GraphqlServerConfig>): Promise<Omit<Compiled, 'fingerprint'>> {
  const { operations, types, skipped, faults } = await compileGiven(config, parts.schemas, ref.tenantId);
  if (faults.length > 0) throw new InvalidOperationsError(faults);
  if (skipped.length > 0) log.info('fields left out', { skipped: skipped.slice(0, MAX_LOGGED) });
  return { operations, types };
}

function compiledIn(stored: StoredCatalog | undefined, fingerprint: string): Compiled | undefined {
  const content = stored?.content;
  const isCompiled = isObject(content) && Array.isArray(content['operations']) && Array.isArray(content['types']);
  return isCompiled && content['fingerprint'] === fingerprint ? (content as unknown as Compiled) : undefined;
}
