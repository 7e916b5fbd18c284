/** Documents with more of them have another problem than that. */
const MAX_NOTED = 100;

/** Members of a document that stand more than once in their map. The last one counts, as `JSON.parse` has it. */
export class RepeatedKeys {
  private readonly noted = new Map<string, readonly string[]>();

  /** @param place keys from the root to the member; not kept */
  note(place: readonly string[]): void {
    if (this.noted.size < MAX_NOTED) this.noted.set(JSON.stringify(place), [...place]);
  }

  /** Each place once, in the order of the document. */
  places(): readonly (readonly string[])[] {
    return [...this.noted.values()];
  }
}
