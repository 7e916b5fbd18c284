import { type PrincipalId, isObject } from '#kernel';
import type { OpenApiServerConfig, StoredCatalog } from '#registry';
import { MemberProtocolError, SpecificationError } from '../builder.errors.js';
import { OperationDesk } from '../layered/operation-desk.js';
import type { ToolDesk } from '../layered/tool-desk.js';
import { layeredTool } from '../layered/layered-tool.js';
import type { MemberReply, MemberRequest } from '../member.js';
import { type MemberOffer, offerOf } from '../member-offer.js';
import {
  type OpenApiOperation,
  type OpenApiResource,
  type OperationRequest,
  type OperationResponse,
  ResourceUris,
  type SecurityHint,
  buildRequest,
  toToolResult,
} from '../openapi/index.js';
import { askMember } from './ask-member.js';
import { withAdvice } from './credential-advice.js';
import type { ReadyCall } from './live-member.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { previewDocument } from './openapi-preview.js';
import { type RequestTool, RequestToolCall } from './request-tool-call.js';
import { ResourceRead } from './resource-read.js';
import { fingerprintOf, loadSpecification } from './specification-source.js';
import { WireMember } from './wire-member.js';

/** What is kept of a compiled specification. */
interface Compiled {
  readonly fingerprint: string;
  readonly operations: readonly OpenApiOperation[];
  /** Absent in what was stored before there were any. */
  readonly resources?: readonly OpenApiResource[];
  /** As `resources`. */
  readonly security?: readonly SecurityHint[];
}

/** An HTTP service that an OpenAPI document describes: every operation is a tool, or a resource. */
export class OpenApiMember extends WireMember<OpenApiServerConfig> {
  readonly provesCredential = false;
  readonly desk?: ToolDesk;
  private readonly tools: ReadonlyMap<string, RequestTool>;
  private readonly resources: ResourceUris;
  private offer: MemberOffer | undefined;

  constructor(
    order: MemberOrder<OpenApiServerConfig>,
    private readonly compiled: Compiled,
    private readonly document: Buffer | undefined,
  ) {
    super(order, new URL(order.config.open_api.endpoint));
    if (order.config.open_api.layered) this.desk = new OperationDesk(compiled.operations);
    this.resources = new ResourceUris(order.config.id, compiled.resources ?? []);
    this.tools = new Map(compiled.operations.map((operation) => [operation.name, this.toolOf(operation)]));
  }

  /**
   * The tools come from the document; asking the service only tells that it answers. Not that it takes the credential:
   * the base path of an API often answers 401 or 404 whatever is sent, so only a call finds that out.
   */
  async refresh(timeoutMs: number, as?: PrincipalId): Promise<MemberOffer> {
    const credential = this.credentials.for(undefined, as);
    const request = { method: 'GET', path: this.endpoint.pathname, headers: { accept: '*/*', ...this.headers } };
    const { status } = await askMember(this.pool, credential, { ...request, timeoutMs });
    if (status >= 500) throw new MemberProtocolError(`it answered HTTP ${status}`);
    return this.offered();
  }

  /** Made once: the tools of a large service have megabytes, and every check of the member asks for them. */
  offered(): MemberOffer {
    this.offer ??= this.made();
    return this.offer;
  }

  snapshot(): StoredCatalog {
    const { document } = this;
    return { fetchedAt: new Date(this.order.clock.now()), content: this.compiled, ...(document ? { document } : {}) };
  }

  protected override callFor(request: MemberRequest, reply: MemberReply): ReadyCall {
    if (request.method === 'resources/read') return this.readFor(request, reply);
    return new RequestToolCall(this.wirePartsFor(request), this.tools.get(request.target)!, request, reply);
  }

  private readFor(request: MemberRequest, reply: MemberReply): ReadyCall {
    const { endpoint, resources } = this;
    const mask = (text: string) => this.order.log.mask(text);
    const wanted = { uri: request.target, read: resources.find(request.target), endpoint, mask };
    return new ResourceRead(this.wirePartsFor(request), wanted, request, reply);
  }

  private made(): MemberOffer {
    const { operations, resources = [] } = this.compiled;
    return offerOf({
      tools: operations.map(definitionOf),
      resources: this.resources.definitions(false),
      resourceTemplates: this.resources.definitions(true),
      ...(resources.length > 0 && { capabilities: { resources: {} } }),
    });
  }

  private toolOf(operation: OpenApiOperation): RequestTool {
    const mask = (text: string) => this.order.log.mask(text);
    if (this.desk) return layeredTool(operation, { endpoint: this.endpoint, mask });
    const { security = [] } = this.compiled;
    const { id, auth_strategy, tool_auth } = this.order.config;
    const isOpen = auth_strategy === 'none' && Object.keys(tool_auth).length === 0;
    return {
      requestFor: (args): OperationRequest => buildRequest(operation, args, this.endpoint),
      resultOf: (answer: OperationResponse) => {
        const result = toToolResult(answer, mask, operation);
        return answer.status === 401 && isOpen ? withAdvice(result, id, security) : result;
      },
    };
  }
}

const definitionOf = ({ name, description, inputSchema, outputSchema, annotations }: OpenApiOperation): string =>
  JSON.stringify({ name, description, inputSchema, outputSchema, annotations });

export const openApiMemberBuilder: MemberBuilder<OpenApiServerConfig> = {
  types: ['openapi'],
  preview: (order) => previewDocument(order, definitionOf),
  async build(order) {
    const { config, stored, isNew, parts } = order;
    if (!isNew && stored) return new OpenApiMember(order, compiledOf(stored.content), undefined);
    const fingerprint = await fingerprintOf(config.open_api);
    try {
      const { source, compressed } = await loadSpecification(config.open_api, parts.http);
      const { custom_routes: customRoutes, layered: isLayered, endpoint } = config.open_api;
      const settings = { customRoutes, isLayered, endpoint };
      const imported = await parts.documents.import(source, settings, order.ref.tenantId);
      const { operations, resources, skipped, security } = imported;
      if (skipped.length > 0)
        order.log.info('operations left out', { operations: operations.length, skipped: skipped.slice(0, 50) });
      return new OpenApiMember(order, { fingerprint, operations, resources, security }, compressed);
    } catch (error) {
      // What was compiled from the same source still serves when the source is away.
      const before = error instanceof SpecificationError && stored ? compiledOf(stored.content) : undefined;
      if (before?.fingerprint === fingerprint) return new OpenApiMember(order, before, undefined);
      throw error;
    }
  },
};

function compiledOf(content: unknown): Compiled {
  if (isObject(content) && Array.isArray(content['operations']) && typeof content['fingerprint'] === 'string') {
    return content as unknown as Compiled;
  }
  throw new MemberProtocolError('its stored catalogue cannot be read');
}
