import type { Principal } from '#tenancy';
import type { AuthBlock } from '../auth-adapter.js';
import type { CredentialUse } from '../credential-use.js';

/** A member, as far as it matters to who connects it. */
export interface ConnectableMember {
  /** What people call it; its id if it has no other name. */
  readonly label: string;
  readonly use: CredentialUse;
  readonly block: AuthBlock;
}

export interface ConnectableWish {
  /** As the address names it. */
  readonly serverId: string;
  /** The tool that has a credential for itself; absent for the member's own. */
  readonly tool?: string;
  /** A sealed wish of the member for more than was consented to. */
  readonly more?: string;
}

/** Which members there are to connect. The registry has them, which this lib does not see. */
export abstract class ConnectableMembers {
  /** Undefined if there is no such member in the principal's tenant, or nothing of it is open to the principal. */
  abstract find(principal: Principal, wish: ConnectableWish): Promise<ConnectableMember | undefined>;
}
