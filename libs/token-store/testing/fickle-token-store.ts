import type { TenantId } from '#kernel';
import { DatabaseUnavailableError } from '#persistence';
import type { Change, Look, Sight } from '../src/credential-record.js';
import { MemoryTokenStore } from '../src/memory/memory.token-store.js';
import type { TokenKey } from '../src/token-key.js';

/** A store that goes away and comes back, or hangs. */
export class FickleTokenStore extends MemoryTokenStore {
  isAway = false;
  hanging: Promise<void> | undefined;
  /** It takes nothing of this tenant, whatever becomes of it. */
  refused: TenantId | undefined;

  override async read(of: TokenKey): Promise<Sight | undefined> {
    await this.reach();
    return super.read(of);
  }

  override async change<T>(of: TokenKey, decide: (look: Look) => Change<T>): Promise<T> {
    await this.reach();
    if (of.tenantId === this.refused) throw new Error('that cannot be stored');
    return super.change(of, decide);
  }

  private async reach(): Promise<void> {
    await this.hanging;
    if (this.isAway) throw new DatabaseUnavailableError('is away');
  }
}
