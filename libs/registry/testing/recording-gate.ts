import { ComposerError, type MemberRef, memberKey } from '#kernel';
import type { Admission, Candidate, MemberGate } from '../src/member-gate.js';

/** A gate that keeps what was let through, and can be told what to find. */
export class RecordingGate implements MemberGate {
  readonly serving = new Map<string, Candidate>();
  readonly discarded: Candidate[] = [];
  readonly admitted: Candidate[] = [];
  problem: string | undefined;
  fault: Error | undefined;
  isKnownToWork = true;
  denied: readonly string[] = [];

  async judge(addresses: readonly { url: string }[]): Promise<void> {
    if (addresses.some(({ url }) => this.denied.includes(url)))
      throw new ComposerError('COMPOSER_EGRESS_DENIED', 'denied');
  }

  async admit(candidate: Candidate): Promise<Admission> {
    this.admitted.push(candidate);
    if (this.fault) throw this.fault;
    return {
      ...(this.problem ? { problem: this.problem } : {}),
      activate: () => this.serving.set(memberKey(candidate.ref), candidate),
      discard: async () => void this.discarded.push(candidate),
    };
  }

  async retire(member: MemberRef): Promise<void> {
    this.serving.delete(memberKey(member));
  }

  async isWorking(member: MemberRef): Promise<boolean> {
    return this.isKnownToWork && this.serving.has(memberKey(member));
  }
}
