import { INVALID_PARAMS, type MemberReply, type Span, applyEdits, scanObject } from '#builder';
import { isObject } from '#kernel';
import { PassingReply } from '../router/passing-reply.js';
import { type Telling, shapedResult, toldFailure } from './told-results.js';

/** The answer to a `make_tool_call`: that of the tool behind it, in the shape in which the original tells it. */
export class LayeredReply extends PassingReply {
  /** What is passed on piece by piece cannot be changed. */
  readonly takesPieces = false;

  constructor(
    reply: MemberReply,
    private readonly telling: Telling,
  ) {
    super(reply);
  }

  override message(parts: readonly Buffer[], status?: number): void {
    if (this.telling.of === 'services') return this.reply.message(parts, status);
    const message = Buffer.concat(parts);
    const outcome = outcomeIn(message);
    if (outcome && 'refusal' in outcome) {
      return this.reply.failed(toldFailure(this.telling, outcome.refusal), 'COMPOSER_MEMBER_FAULT');
    }
    const bytes = outcome && Buffer.from(JSON.stringify(shapedResult(this.telling, outcome.result)));
    this.reply.message([bytes ? applyEdits(message, [{ ...outcome.place, bytes }]) : message], status);
  }

  override failed(text: string, code: string): void {
    this.reply.failed(toldFailure(this.telling, text), code);
  }
}

type Outcome =
  | { readonly result: Readonly<Record<string, unknown>>; readonly place: Span }
  /** What the member has against the arguments. */
  | { readonly refusal: string };

/** Undefined for what is to be passed on as it is: a task, an error of the protocol, and what cannot be read. */
function outcomeIn(message: Buffer): Outcome | undefined {
  try {
    let place: Span | undefined;
    scanObject(message, 0, (name, span) => {
      if (name === 'result') place = span;
    });
    const { result, error } = JSON.parse(message.toString('utf8')) as Readonly<Record<string, unknown>>;
    if (place && isObject(result)) return result['resultType'] === 'task' ? undefined : { result, place };
    const isRefusal = isObject(error) && error['code'] === INVALID_PARAMS && typeof error['message'] === 'string';
    return isRefusal ? { refusal: error['message'] as string } : undefined;
  } catch {
    return undefined;
  }
}
