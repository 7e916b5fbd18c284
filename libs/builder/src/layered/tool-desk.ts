/** What callers are told of one tool of a layered member while they look for one. */
export interface ToolFacts {
  /** By which they ask for it, unless two have the same. */
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly http_method?: string;
  readonly path?: string;
  readonly operationId?: string;
}

/**
 * What a layered member tells of its tools that stands in no definition, for members whose tools are operations of a
 * service. Such a member takes the arguments of `make_tool_call` as they are.
 */
export interface ToolDesk {
  /** @param own a tool that the member offers, by its own name */
  factsOf(own: string): ToolFacts;
  /** Everything that a caller has to know to make the call, in the words of the original's `get_type_info`. */
  detailOf(own: string): object;
}
