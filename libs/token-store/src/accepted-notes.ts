import { Log } from '#observability';
import { Injectable } from '@nestjs/common';
import { accepting } from './credential-rules.js';
import { type TokenKey, credentialPlace } from './token-key.js';
import { TokenStore } from './token-store.js';

const MAX_NOTES = 10_000;

/** Which generations members have taken: known here at once, and to the other processes soon. */
@Injectable()
export class AcceptedNotes {
  /** The last one that was noted, by credential; oldest first. */
  private readonly notes = new Map<string, number>();
  private readonly writing = new Set<Promise<void>>();

  constructor(
    private readonly store: TokenStore,
    private readonly log: Log,
  ) {}

  /** Costs nothing but the first time. */
  note(key: TokenKey, generation: number): void {
    const place = credentialPlace(key);
    if (this.notes.get(place) === generation) return;
    this.notes.delete(place);
    this.notes.set(place, generation);
    if (this.notes.size > MAX_NOTES) this.notes.delete(this.notes.keys().next().value!);
    const writing = this.write(key, generation, place).finally(() => this.writing.delete(writing));
    this.writing.add(writing);
  }

  has(key: TokenKey, generation: number): boolean {
    return this.notes.get(credentialPlace(key)) === generation;
  }

  /** Waits for what is being written. */
  async settled(): Promise<void> {
    await Promise.all(this.writing);
  }

  private async write(key: TokenKey, generation: number, place: string): Promise<void> {
    try {
      await this.store.change(key, (look) => accepting(look, generation));
    } catch (error) {
      // The next note of it tries again; until then a refusal may buy less than it could.
      if (this.notes.get(place) === generation) this.notes.delete(place);
      this.log.debug('that a member has taken a credential could not be kept', { err: error });
    }
  }
}
