import { type Principal, holdsAny, holdsBuiltIn } from '#tenancy';
import type { CatalogEntry } from '../catalog/catalog-entry.js';
import { NamePatterns } from './name-patterns.js';

/** Whoever administers a tenant sees all of it; permissions of single tools are for everybody else. */
const UNLIMITED = ['admin', 'operator'] as const;

type Holder = Pick<Principal, 'roles' | 'scopes' | 'permissions'>;

export const isUnlimited = (holder: Pick<Principal, 'roles'>): boolean => holdsAny(holder, UNLIMITED);

/** Whether the management tools are there for the principal, if its credential is for management too. */
export const mayManage = isUnlimited;

/**
 * Which tools a principal may see and call, which is the same. Roles that every tenant has open all tools, roles of its
 * own open what their patterns say. Where a tool names roles (`tool_permissions`) only those open it, whatever a pattern
 * says, and they open it without one.
 */
export class ToolPolicy {
  private readonly isUnlimited: boolean;
  private readonly isBuiltIn: boolean;
  private readonly tools: NamePatterns;
  private readonly servers: NamePatterns;

  constructor(private readonly holder: Holder) {
    this.isUnlimited = isUnlimited(holder);
    this.isBuiltIn = holdsBuiltIn(holder);
    this.tools = new NamePatterns(holder.permissions.tools);
    this.servers = new NamePatterns(holder.permissions.servers);
  }

  /** Equal for principals to whom the same is open. */
  static keyOf(holder: Holder): string {
    if (isUnlimited(holder)) return holder.scopes.includes('manage') ? 'all, management' : 'all';
    const roles = [...holder.roles].sort();
    // Tenants name roles as they like, so no character can stand between two of them.
    if (holdsBuiltIn(holder)) return JSON.stringify(roles);
    return JSON.stringify([roles, [...holder.permissions.tools].sort(), [...holder.permissions.servers].sort()]);
  }

  /** @param isOpenSelection the tools are those of a selection that is open to the principal as a whole */
  opens({ target, roles, fullName }: CatalogEntry, isOpenSelection: boolean): boolean {
    if ('management' in target) return mayManage(this.holder) && this.holder.scopes.includes('manage');
    if (this.isUnlimited) return true;
    if (roles) return holdsAny(this.holder, roles);
    return (
      this.isBuiltIn || isOpenSelection || this.opensServer(target.slot.ref.serverId) || this.tools.match(fullName)
    );
  }

  /** Whether all tools of the server are open that do not name roles. */
  opensServer(id: string): boolean {
    return this.isBuiltIn || this.servers.match(id);
  }
}
