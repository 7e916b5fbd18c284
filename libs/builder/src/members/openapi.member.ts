import type { EgressPool } from '#egress';
import { type MemberRef, isObject } from '#kernel';
import type { OpenApiServerConfig, StoredCatalog } from '#registry';
import { MemberProtocolError, SpecificationError } from '../builder.errors.js';
import type { Member, MemberOffer, RunningCall, ToolCall, ToolReply } from '../member.js';
import { MemberCredentials } from '../member-credentials.js';
import { type OpenApiOperation, compileOperations, parseDocument } from '../openapi/index.js';
import { applyPatch, lowerCased } from '../wire/request-head.js';
import type { MemberBuilder, MemberOrder } from './member-parts.js';
import { OpenApiToolCall } from './openapi-tool-call.js';
import { RunningCalls, refuseAsBusy } from './running-calls.js';
import { fingerprintOf, loadSpecification } from './specification-source.js';

/** What is kept of a compiled specification. */
interface Compiled {
  readonly fingerprint: string;
  readonly operations: readonly OpenApiOperation[];
}

/** An HTTP service that an OpenAPI document describes: every operation is a tool. */
export class OpenApiMember implements Member {
  readonly ref: MemberRef;
  readonly provesCredential = false;
  private readonly base: URL;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly pool: EgressPool;
  private readonly credentials: MemberCredentials;
  private readonly running = new RunningCalls();
  private readonly operations: ReadonlyMap<string, OpenApiOperation>;

  constructor(
    private readonly order: MemberOrder<OpenApiServerConfig>,
    private readonly compiled: Compiled,
    private readonly document: Buffer | undefined,
  ) {
    const { ref, config, parts, clock } = order;
    this.ref = ref;
    this.base = new URL(config.open_api.endpoint);
    this.headers = lowerCased(config.headers);
    const timeoutMs = config.timeout * 1000;
    this.pool = parts.egress.open(this.base, { headersTimeoutMs: timeoutMs, idleTimeoutMs: timeoutMs });
    this.credentials = new MemberCredentials(parts.auth, { member: ref, endpoint: this.base }, config, clock);
    this.operations = new Map(compiled.operations.map((operation) => [operation.name, operation]));
  }

  /**
   * The tools come from the document; asking the service only tells that it answers. Not that it takes the credential:
   * the base path of an API often answers 401 or 404 whatever is sent, so only a call finds that out.
   */
  async refresh(timeoutMs: number): Promise<MemberOffer> {
    const patch = await this.credentials.for().get();
    const [path, list] = applyPatch(this.base.pathname, { accept: '*/*', ...this.headers }, patch);
    const headers = Object.fromEntries(
      list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1]!]] : [])),
    );
    const { status } = await this.pool.request({ method: 'GET', path, headers, timeoutMs, maxBytes: 10 * 1024 * 1024 });
    if (status >= 500) throw new MemberProtocolError(`it answered HTTP ${status}`);
    return this.offered();
  }

  offered(): MemberOffer {
    const tools = this.compiled.operations.map(({ name, description, inputSchema, annotations }) =>
      JSON.stringify({ name, description, inputSchema, annotations }),
    );
    return { tools };
  }

  snapshot(): StoredCatalog {
    const { document } = this;
    return { fetchedAt: new Date(this.order.clock.now()), content: this.compiled, ...(document ? { document } : {}) };
  }

  call(call: ToolCall, reply: ToolReply): RunningCall {
    const { config, parts, log, noteOutcome } = this.order;
    const running = new OpenApiToolCall(
      {
        base: this.base,
        headers: this.headers,
        pool: this.pool,
        credential: this.credentials.for(call.tool),
        deadlines: parts.deadlines,
        memberName: config.id,
        timeoutSeconds: config.timeout,
        retries: config.retry_attempts,
        forwardHeaders: config.forward_headers,
        noteOutcome,
        mask: (text) => log.mask(text),
        done: this.running.remove,
      },
      this.operations.get(call.tool)!,
      call,
      reply,
    );
    const hasRoom = this.pool.hasRoom && this.running.add(running, call.message.raw.length);
    if (!hasRoom) return refuseAsBusy(config.id, reply);
    running.start();
    return running;
  }

  async close(graceMs: number): Promise<void> {
    await this.running.drained(graceMs, (error) =>
      this.order.log.error('a call could not be broken off', { err: error }),
    );
    await this.pool.destroy();
  }
}

export const openApiMemberBuilder: MemberBuilder<OpenApiServerConfig> = {
  types: ['openapi'],
  async build(order) {
    const { config, stored, isNew, parts } = order;
    const fingerprint = fingerprintOf(config.open_api);
    if (!isNew && stored) return new OpenApiMember(order, compiledOf(stored.content), undefined);
    try {
      const { source, compressed } = await loadSpecification(config.open_api, parts.http);
      const { operations, skipped } = compileOperations(parseDocument(source), {
        customRoutes: config.open_api.custom_routes,
      });
      if (skipped.length > 0)
        order.log.info('operations left out', { operations: operations.length, skipped: skipped.slice(0, 50) });
      return new OpenApiMember(order, { fingerprint, operations }, compressed);
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
