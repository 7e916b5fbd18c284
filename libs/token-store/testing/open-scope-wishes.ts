import { Clock } from '#kernel';
import { openHandleSealer } from '#persistence/testing';
import { ScopeWishes } from '../src/consents/scope-wishes.js';

/** Wishes sealed under a key ring of their own. */
export async function openScopeWishes(clock: Clock = new Clock()): Promise<ScopeWishes> {
  return new ScopeWishes(await openHandleSealer(), clock);
}
