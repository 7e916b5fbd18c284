import { isObject } from '#kernel';
import { asComposerError } from '../builder.errors.js';
import { INVALID_PARAMS, METHOD_NOT_FOUND } from '../mcp/mcp-protocol.js';
import type { CallParts } from '../members/call-parts.js';
import type { ReadyCall } from '../members/live-member.js';
import type { MemberReply, MemberRequest } from '../member.js';
import type { PromptTemplate } from './prompt-template.js';

/** One `prompts/get` that is answered here, at once. */
export class PromptCall implements ReadyCall {
  constructor(
    private readonly parts: CallParts,
    private readonly prompts: ReadonlyMap<string, PromptTemplate>,
    private readonly call: MemberRequest,
    private readonly reply: MemberReply,
  ) {}

  start(): void {
    this.parts.done(this);
    const { method, target, message } = this.call;
    if (method !== 'prompts/get') return this.reply.protocolError(METHOD_NOT_FOUND, `Method not found: ${method}`);
    const prompt = this.prompts.get(target);
    // It was there when the list was made.
    if (!prompt) return this.reply.protocolError(INVALID_PARAMS, 'Invalid params: there is no such prompt any more');
    const args = message.params['arguments'] ?? {};
    if (!isObject(args)) return this.reply.protocolError(INVALID_PARAMS, 'Invalid params: arguments must be an object');
    let result: object;
    try {
      result = prompt.resultFor(args);
    } catch (error) {
      const { message: text, code } = asComposerError(error);
      return this.reply.protocolError(INVALID_PARAMS, text, { code });
    }
    this.reply.result(result);
  }

  cancel(): void {
    // It has been answered before anybody could.
  }

  breakOff(): void {
    // The same.
  }
}
