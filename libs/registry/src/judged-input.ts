import { plainInputFaults } from './plain-input.js';
import { InvalidServerConfigError } from './registry.errors.js';
import { type Address, addressesOf } from './server-config-check.js';
import { MAX_ADDRESSES } from './server-config-limits.js';

/** Refuses what no store could keep, before anything else looks at it. Throws `InvalidServerConfigError`. */
export function mustBePlain(input: unknown): void {
  const faults = plainInputFaults(input);
  if (faults.length > 0) throw new InvalidServerConfigError(faults);
}

/** The addresses that are to be judged before anything else is said about the input. Throws `InvalidServerConfigError`. */
export function judgedAddresses(input: unknown): readonly Address[] {
  const addresses = addressesOf(input);
  if (addresses.length <= MAX_ADDRESSES) return addresses;
  throw new InvalidServerConfigError([{ path: '', message: `names more than ${MAX_ADDRESSES} addresses` }]);
}
