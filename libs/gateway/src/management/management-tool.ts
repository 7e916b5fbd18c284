import type { Principal } from '#tenancy';
import { z } from 'zod';

/** A tool that the composer itself carries out. Names, parameters and texts are those that users of the original know. */
export interface ManagementTool<A = unknown> {
  readonly name: string;
  /** Other names that are understood, but not listed. */
  readonly aliases?: readonly string[];
  readonly description: string;
  readonly arguments: z.ZodType<A>;
  readonly readOnly?: boolean;
  readonly destructive?: boolean;
  /** Rejects with a `ComposerError` that says what is wrong; then nothing has changed. */
  run(principal: Principal, args: A): Promise<ToolAnswer>;
}

/** A text for people, or data for programs. */
export type ToolAnswer = { readonly text: string } | { readonly data: unknown };

/** `CallToolResult`: data that is no object arrives under `result`, as the original's clients expect. */
export function resultOf(answer: ToolAnswer): object {
  if ('text' in answer)
    return { content: [{ type: 'text', text: answer.text }], structuredContent: { result: answer.text } };
  const { data } = answer;
  const isPlainObject = typeof data === 'object' && data !== null && !Array.isArray(data);
  return {
    content: [{ type: 'text', text: JSON.stringify(data, null, 2) }],
    structuredContent: isPlainObject ? data : { result: data },
  };
}
