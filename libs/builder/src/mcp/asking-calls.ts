/** Half of the connections to a member: what people answer has to get there, and so has everybody else. */
const MAX_CALLS = 32;

/** The calls of one member in which people are asked. */
export class AskingCalls {
  private readonly calls = new Set<object>();

  /** False: there are as many as there may be. */
  add(call: object): boolean {
    if (this.calls.size >= MAX_CALLS) return false;
    this.calls.add(call);
    return true;
  }

  remove(call: object): void {
    this.calls.delete(call);
  }
}
