import type { Admission, MemberGate } from '#registry';

const NOTHING: Admission = { activate: () => undefined, discard: async () => undefined };

/**
 * The gate of a process in which no member serves, such as the command line. Good for taking members out of service,
 * which asks for no proof that they work.
 */
export class NoMembers implements MemberGate {
  async judge(): Promise<void> {}

  async admit(): Promise<Admission> {
    return NOTHING;
  }

  async retire(): Promise<void> {}

  async isWorking(): Promise<boolean> {
    return false;
  }
}
