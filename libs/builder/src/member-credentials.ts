import type { AuthAdapter, CredentialUse } from '#auth';
import type { Clock } from '#kernel';
import { MemberCredential } from './member-credential.js';

/** The credentials of a member: its own one, and those of tools that have one for themselves. */
export class MemberCredentials {
  private readonly own: MemberCredential;
  private readonly ofTools = new Map<string, MemberCredential>();

  constructor(
    auth: AuthAdapter,
    private readonly place: Pick<CredentialUse, 'member' | 'endpoint'>,
    config: {
      readonly auth_strategy: string;
      readonly auth: unknown;
      readonly tool_auth: Readonly<Record<string, { readonly auth_strategy: string; readonly auth: unknown }>>;
    },
    clock: Clock,
  ) {
    const credential = (block: { auth_strategy: string; auth: unknown }, tool?: string) =>
      new MemberCredential(
        auth,
        { ...place, ...(tool === undefined ? {} : { tool }) },
        { strategy: block.auth_strategy, settings: block.auth },
        clock,
      );
    this.own = credential(config);
    for (const [tool, block] of Object.entries(config.tool_auth)) this.ofTools.set(tool, credential(block, tool));
  }

  /** The credential for a call of `tool`, listed under this name or under the one that clients see; else the member's own. */
  for(tool?: string): MemberCredential {
    if (tool === undefined) return this.own;
    return this.ofTools.get(tool) ?? this.ofTools.get(`${this.place.member.serverId}_${tool}`) ?? this.own;
  }
}
