import type { CloudantFaults, Fault } from './cloudant-faults.js';

/** Everything that a Cloudant does on a bad day, each now and then, and none so often that nothing comes through. */
const BAD_DAY: readonly (readonly [method: string | undefined, share: number, fault: Fault])[] = [
  ['PUT', 0.1, { kind: 'answer', status: 409 }],
  ['DELETE', 0.1, { kind: 'answer', status: 409 }],
  ['PUT', 0.1, { kind: 'accepted' }],
  ['DELETE', 0.1, { kind: 'accepted' }],
  ['PUT', 0.05, { kind: 'lost' }],
  ['DELETE', 0.05, { kind: 'lost' }],
  [undefined, 0.03, { kind: 'answer', status: 429 }],
  [undefined, 0.03, { kind: 'answer', status: 503 }],
  ['PUT', 0.04, { kind: 'cut' }],
  [undefined, 0.02, { kind: 'cut' }],
];

/** Begins one. Returns how often each kind of fault befell a request, by `409`, `accepted`, `cut`. */
export function injectBadDay(faults: CloudantFaults): ReadonlyMap<string, number> {
  for (const [method, share, fault] of BAD_DAY) {
    faults.inject({ fault, share, ...(method === undefined ? {} : { method }) });
  }
  return faults.befallen;
}
