import { isObject } from '#kernel';
import type { Offered } from '../member-offer.js';

/** What a member says of itself in the answer to `initialize` or `server/discover`. */
export interface ServerFacts {
  readonly capabilities: Readonly<Record<string, unknown>>;
  readonly instructions?: string;
}

/** As JSON text. A member that declares more declares nothing. */
const MAX_CAPABILITIES = 64 * 1024;
const MAX_INSTRUCTIONS = 16 * 1024;

export function factsIn(result: unknown): ServerFacts {
  if (!isObject(result)) return { capabilities: {} };
  const { capabilities, instructions } = result;
  const isDeclared = isObject(capabilities) && JSON.stringify(capabilities).length <= MAX_CAPABILITIES;
  return {
    capabilities: isDeclared ? capabilities : {},
    ...(typeof instructions === 'string' ? { instructions: instructions.slice(0, MAX_INSTRUCTIONS) } : {}),
  };
}

/** The lists that a member with these facts can be asked for. One that declares none at all may have tools all the same. */
export function listsOf({ capabilities }: ServerFacts): readonly Offered[] {
  const { tools, prompts, resources } = capabilities;
  const lists: Offered[] = [
    ...(tools ? (['tools'] as const) : []),
    ...(prompts ? (['prompts'] as const) : []),
    ...(resources ? (['resources', 'resourceTemplates'] as const) : []),
  ];
  return lists.length === 0 ? ['tools'] : lists;
}
