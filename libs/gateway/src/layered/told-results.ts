import type { Facade } from '#registry';
import { isObject } from '#kernel';

/** How the three tools of one layered member tell what they tell, in the original's shapes. */
export interface Telling {
  readonly of: Facade['of'];
  /** The service, as the caller named it. */
  readonly name: string;
}

/** Of services an object, of tools the same as JSON text. */
export function toldResult(of: Facade['of'], value: object): object {
  const text = JSON.stringify(value);
  return { content: [{ type: 'text', text }], structuredContent: of === 'services' ? value : { result: text } };
}

/** Of a call that was not made, or did not succeed. */
export function failureOf({ of, name }: Telling, message: string): object {
  return of === 'services'
    ? { success: false, service: name, error: message }
    : { error: 'Tool execution failed', tool: name, message };
}

/** As JSON text. */
export const toldFailure = (telling: Telling, message: string): string => JSON.stringify(failureOf(telling, message));

/**
 * The result of a tool as the original's `make_tool_call` gives it: its text, or a list of its texts as JSON, and of a
 * failed one what failed. What has more than texts stays as it is, so that nothing of it is lost.
 */
export function shapedResult(telling: Telling, result: Readonly<Record<string, unknown>>): object {
  const { content, structuredContent, isError } = result;
  if (!Array.isArray(content)) return result;
  const texts = content.map(textOf);
  if (!texts.every((text) => text !== undefined)) return result;
  if (isError === true) {
    const text = toldFailure(telling, texts.join('\n') || 'Tool execution failed');
    return { ...result, content: [{ type: 'text', text }], structuredContent: { result: text } };
  }
  const [only] = texts;
  const own = texts.length === 0 && structuredContent !== undefined ? structuredContent : texts;
  const text = texts.length === 1 ? only : JSON.stringify(own);
  return { ...result, content: [{ type: 'text', text }], structuredContent: { result: text } };
}

function textOf(item: unknown): string | undefined {
  return isObject(item) && item['type'] === 'text' && typeof item['text'] === 'string' ? item['text'] : undefined;
}
