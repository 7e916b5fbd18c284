import type { Log } from '#observability';

/** Of one line, before secrets are masked in it and after. */
const MAX_HELD = 16_384;
const MAX_SHOWN = 2_000;
/** How many lines may come at once, and how many a second in the long run. */
const BURST = 100;
const PER_SECOND = 10;

/** What a process writes to its stderr: into the log, line by line, and no more of it than a log can bear. */
export class ErrorLines {
  private held = '';
  private isCut = false;
  private left = BURST;
  private countedAt = performance.now();
  private omitted = 0;

  /** @param log of the member: it says whose lines these are */
  constructor(private readonly log: Log) {}

  push(chunk: Buffer): void {
    const parts = chunk.toString('utf8').split('\n');
    const rest = parts.pop()!;
    for (const part of parts) {
      this.hold(part);
      this.write();
    }
    this.hold(rest);
  }

  /** The process is over. */
  end(): void {
    if (this.held !== '') this.write();
    if (this.omitted > 0) this.tellOmitted();
  }

  private hold(part: string): void {
    const room = MAX_HELD - this.held.length;
    if (part.length > room) this.isCut = true;
    this.held += part.slice(0, room);
  }

  private write(): void {
    const line = this.held.trimEnd();
    const wasCut = this.isCut;
    this.held = '';
    this.isCut = false;
    if (line === '') return;
    if (!this.mayWrite()) return void this.omitted++;
    // Masked as a whole: a secret that is cut in two is found by nobody.
    const text = this.log.mask(line);
    const isCut = wasCut || text.length > MAX_SHOWN;
    if (this.omitted > 0) this.tellOmitted();
    this.log.info('a member wrote to its stderr', { line: text.slice(0, MAX_SHOWN), ...(isCut ? { isCut } : {}) });
  }

  private tellOmitted(): void {
    this.log.warn('a member wrote more to its stderr than the log takes', { omitted: this.omitted });
    this.omitted = 0;
  }

  private mayWrite(): boolean {
    const now = performance.now();
    this.left = Math.min(BURST, this.left + ((now - this.countedAt) * PER_SECOND) / 1_000);
    this.countedAt = now;
    if (this.left < 1) return false;
    this.left--;
    return true;
  }
}
