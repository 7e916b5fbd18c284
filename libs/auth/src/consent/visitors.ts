import type { IncomingMessage } from 'node:http';
import type { Principal } from '#tenancy';

/** Who sits at a browser, with the names that people know. */
export interface Visitor {
  readonly principal: Principal;
  readonly name: string;
  readonly tenantSlug: string;
  readonly tenantName: string;
}

/** Says who sits at a browser. Who may call the composer is decided elsewhere; this lib only asks. */
export abstract class Visitors {
  /**
   * By the browser's session and nothing else of the request. Undefined if nobody has signed in.
   * @throws ComposerError where it cannot be found out, or the visitor asks too often
   */
  abstract find(request: IncomingMessage): Promise<Visitor | undefined>;
}
