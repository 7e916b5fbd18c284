import type { CloudantFault } from './cloudant-fault.js';

/** As long as a server may be silent that only restarts: until then whoever asks goes on asking. */
const SILENT_MS = 5_000;
/** And so many requests in a row went unanswered. */
const UNANSWERED = 8;
/** How long nobody asks then; between half of it and the whole, so that processes do not ask together. */
const PAUSE_MS = 2_000;

export type Admission =
  /** Ask. */
  | 'free'
  /** Ask, alone: the answer decides for everybody. */
  | 'probe'
  /** Do not ask. */
  | 'shut';

/**
 * Keeps requests from a server that does not answer: whoever asks is told at once then, and does not wait for what will
 * not come. Every second or two one request goes through, and its answer opens the way for all. Counts what a whole
 * process sees; a single answer, a refusal too, ends it.
 */
export class OutageBreaker {
  private unanswered = 0;
  private since: number | undefined;
  private isShut = false;
  private isProbed = false;
  private probeAt = 0;
  private fault: CloudantFault | undefined;

  /** @param now in milliseconds */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** How long the server has been silent, in milliseconds, and what came last; absent while requests go through. */
  get outage(): { readonly ms: number; readonly fault: CloudantFault } | undefined {
    return this.isShut && this.fault ? { ms: this.now() - (this.since ?? this.now()), fault: this.fault } : undefined;
  }

  /** Whoever is admitted tells what came of it: `answered` or `note`. */
  admit(): Admission {
    if (!this.isShut) return 'free';
    if (this.isProbed || this.now() < this.probeAt) return 'shut';
    this.isProbed = true;
    return 'probe';
  }

  answered(): void {
    this.unanswered = 0;
    this.since = undefined;
    this.isShut = false;
    this.isProbed = false;
  }

  /** @param fault what went wrong; absent where it was not the server's doing */
  note(admission: Admission, fault: CloudantFault | undefined): void {
    if (admission === 'probe') this.isProbed = false;
    if (!fault) return;
    if (fault.isOpen) this.noAnswer(admission, fault);
    else this.answered();
  }

  private noAnswer(admission: Admission, fault: CloudantFault): void {
    const now = this.now();
    this.fault = fault;
    this.unanswered += 1;
    this.since ??= now;
    if (this.isShut && admission !== 'probe') return; // it was asked before
    if (this.unanswered < UNANSWERED || now - this.since < SILENT_MS) return;
    this.isShut = true;
    this.probeAt = now + PAUSE_MS * (0.5 + Math.random() / 2);
  }
}
