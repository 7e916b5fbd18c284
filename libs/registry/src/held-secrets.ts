import { type MemberRef, memberKey } from '#kernel';
import type { SecretValues } from '#observability';

const MAX_CAUSES = 5;

interface Held {
  readonly version: number;
  readonly values: readonly string[];
}

/**
 * Which secrets are masked in everything that is written for people: those of every member that this process knows, and
 * those of a configuration while it is being tried.
 */
export class HeldSecrets {
  private readonly members = new Map<string, Held>();

  constructor(private readonly secrets: SecretValues) {}

  mask(text: string): string {
    return this.secrets.mask(text);
  }

  /** Masks `values` while `work` goes on, and in the error that it may end with. */
  async during<T>(values: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const value of values) this.secrets.remember(value);
    try {
      return await work();
    } catch (error) {
      throw this.masked(error);
    } finally {
      for (const value of values) this.secrets.forget(value);
    }
  }

  /** From now on the member has these secrets and no others. Does nothing if a later version was told before. */
  keep(member: MemberRef, version: number, values: readonly string[]): void {
    const before = this.members.get(memberKey(member));
    if (before && before.version > version) return;
    for (const value of values) this.secrets.remember(value);
    this.members.set(memberKey(member), { version, values });
    for (const value of before?.values ?? []) this.secrets.forget(value);
  }

  /** The member is gone. */
  drop(member: MemberRef): void {
    const before = this.members.get(memberKey(member));
    this.members.delete(memberKey(member));
    for (const value of before?.values ?? []) this.secrets.forget(value);
  }

  /** The same error, because others ask for its class: whoever logs or answers it does so after the secrets are forgotten. */
  private masked(error: unknown): unknown {
    let cause = error;
    for (let depth = 0; cause instanceof Error && depth < MAX_CAUSES; depth++) {
      const { message, stack } = cause;
      if (this.mask(message) !== message) Object.assign(cause, { message: this.mask(message) });
      if (stack && this.mask(stack) !== stack) Object.assign(cause, { stack: this.mask(stack) });
      const { faults } = cause as { faults?: unknown };
      if (Array.isArray(faults)) Object.assign(cause, { faults: this.maskedFaults(faults) });
      cause = cause.cause;
    }
    return error;
  }

  private maskedFaults(faults: readonly { readonly message?: unknown }[]): unknown {
    return faults.map((fault) => ({ ...fault, message: this.mask(String(fault.message)) }));
  }
}
