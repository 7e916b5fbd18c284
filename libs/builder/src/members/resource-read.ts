import type { ComposerError } from '#kernel';
import { MemberProtocolError, MemberStatusError } from '../builder.errors.js';
import { replyFailure } from '../failure-text.js';
import { INVALID_PARAMS, RESOURCE_NOT_FOUND } from '../mcp/mcp-protocol.js';
import type { ForwardedMethod, MemberReply, MemberRequest } from '../member.js';
import { type OperationResponse, type ReadOperation, buildRequest, contentsOf, errorText } from '../openapi/index.js';
import type { WireCallParts } from './call-parts.js';
import { type RequestTool, RequestToolCall } from './request-tool-call.js';

/** What a URI stands for at its member. */
export interface WantedResource {
  readonly uri: string;
  /** Undefined if it is none of the member's. */
  readonly read: ReadOperation | undefined;
  readonly endpoint: URL;
  /** Takes known secrets out of the text of an error. */
  readonly mask: (text: string) => string;
}

/** 2026-07-28, caching: what an operation answers may be another thing the next time, and for the next caller. */
const NOT_TO_BE_KEPT = { ttlMs: 0, cacheScope: 'private' } as const;
const GONE: ReadonlySet<number> = new Set([404, 410]);

/** One `resources/read` that becomes one HTTP request to a service. */
export class ResourceRead extends RequestToolCall {
  protected override readonly method: ForwardedMethod = 'resources/read';

  constructor(
    parts: WireCallParts,
    private readonly wanted: WantedResource,
    call: MemberRequest,
    reply: MemberReply,
  ) {
    super(parts, requestOf(wanted), call, reply);
  }

  protected override refuse({ message }: ComposerError): void {
    if (!this.wanted.read) return this.tellMissing();
    this.reply.protocolError(INVALID_PARAMS, `Invalid params: ${message}`, { uri: this.wanted.uri });
  }

  protected override tellerOf(answer: OperationResponse): () => void {
    const { uri, read, mask } = this.wanted;
    const { status } = answer;
    if (GONE.has(status)) return () => this.tellMissing();
    if (status < 200 || status > 299) {
      const error = new MemberStatusError(errorText(answer, mask));
      return () => replyFailure(this.reply, this.parts.memberName, error);
    }
    const hints = this.isModern ? NOT_TO_BE_KEPT : {};
    const contents = contentsOf(answer, uri, read?.operation.answerType);
    return () => this.reply.result({ contents, ...hints });
  }

  // 2026-07-28 has taken the code of its own away.
  private tellMissing(): void {
    const code = this.isModern ? INVALID_PARAMS : RESOURCE_NOT_FOUND;
    this.reply.protocolError(code, 'Resource not found', { uri: this.wanted.uri });
  }

  private get isModern(): boolean {
    return this.call.client.era === 'modern';
  }
}

function requestOf({ read, endpoint }: WantedResource): RequestTool {
  const missing = () => new MemberProtocolError('it has no such resource');
  return {
    requestFor() {
      if (!read) throw missing();
      return buildRequest(read.operation, read.argumentsIn(), endpoint);
    },
    resultOf() {
      throw missing();
    },
  };
}
