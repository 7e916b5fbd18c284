import type { CloudantFault } from './cloudant-fault.js';

/** A request that was refused for good, and what became of the tries before it. */
export class RefusedRequest extends Error {
  constructor(
    readonly fault: CloudantFault,
    /** A try before this one may have been carried out. */
    readonly isInDoubt: boolean,
  ) {
    super(fault.message);
  }
}
