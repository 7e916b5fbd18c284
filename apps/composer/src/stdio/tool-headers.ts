import { type Message, type MirroredParam, mirroredIn, mirroringHeaders } from '#builder';
import { isObject } from '#kernel';

/** A page of `tools/list`, as the composer answers it to this client. */
type ToolPage = { readonly tools?: unknown; readonly nextCursor?: unknown };

const MAX_PAGES = 1_000;
/** Of those that were called. */
const MAX_TOOLS = 1_000;

/**
 * Which arguments of a call have to be repeated in headers (2026-07-28, transports, custom headers). A client over stdio
 * has no headers, and need not know: what tools want is looked up in their definitions, once one was refused without.
 */
export class ToolHeaders {
  private readonly known = new Map<string, readonly MirroredParam[]>();

  /** @param list gives a page to whoever has sent the message; rejects if there is none */
  constructor(private readonly list: (message: Message, cursor: string | undefined) => Promise<ToolPage>) {}

  /** As far as it is known. */
  of({ params }: Message): Record<string, string> {
    return mirroringHeaders(this.known.get(String(params['name'])) ?? [], params['arguments']);
  }

  /** Looks up the tool that the message calls. False if there is none. */
  async learn(message: Message): Promise<boolean> {
    const name = String(message.params['name']);
    this.known.delete(name);
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const { tools, nextCursor } = await this.list(message, cursor);
      const listed: readonly unknown[] = Array.isArray(tools) ? tools : [];
      const tool = listed.find((one) => isObject(one) && one['name'] === name);
      if (tool) return this.note(name, mirroredIn((tool as { inputSchema?: unknown }).inputSchema));
      if (typeof nextCursor !== 'string') return false;
      cursor = nextCursor;
    }
    return false;
  }

  private note(name: string, mirrored: readonly MirroredParam[] = []): boolean {
    if (this.known.size >= MAX_TOOLS) this.known.delete(this.known.keys().next().value!);
    this.known.set(name, mirrored);
    return true;
  }
}
