const TIGHT = 20 * 1024 * 1024;
const BYTES_PER_MEMBER = 64;

/**
 * What the schemas of one document may cost in all, counted in bytes of JSON and with what was thrown away again.
 * Without it a small document could keep the process busy by referring to its largest schema everywhere.
 */
export class SchemaBudget {
  #spent = 0;

  spend(bytes: number): void {
    this.#spent += bytes;
  }

  /** Looking at members costs as well, whether or not anything is made of them. */
  spendOnMembers(count: number): void {
    this.#spent += count * BYTES_PER_MEMBER;
  }

  /** Whether tools now get their simplest schema. */
  get isTight(): boolean {
    return this.#spent > TIGHT;
  }

  /** Whether no further tool can be made. */
  get isUsedUp(): boolean {
    return this.#spent > TIGHT * 2;
  }
}
