import type { AuthAdapter, AuthBlock, CredentialUse, WithdrawnCredential } from '#auth';
import type { MemberRef } from '#kernel';
import type { Log } from '#observability';
import type { Actor } from '#tenancy';
import { leftText } from './http/withdrawn-body.js';
import { type ServerConfig, endpointOf } from './server-config.schema.js';

/** What became of credentials of former settings, and what is left to say about it. */
export interface FormerCredentials {
  readonly withdrawn: readonly WithdrawnCredential[];
  readonly warnings: readonly string[];
}

const LATER = 'tokens of its former settings could not be withdrawn now: they are not used, and withdrawn within a day';

/**
 * A change of a server is stored: what issuers have given for settings that it has no more, for another origin or for a
 * tool that lost its own credential, is taken out of use and revoked where that can be done. Never rejects: the change
 * stands, and the sweep comes after it.
 */
export async function withdrawFormer(
  { auth, log }: { readonly auth: AuthAdapter; readonly log: Log },
  { ref, config }: { readonly ref: MemberRef; readonly config: ServerConfig },
  by: Actor,
): Promise<FormerCredentials> {
  try {
    const withdrawn = await auth.withdrawFormer(ref, usesOf(ref, config), { by });
    const left = leftText(withdrawn);
    return { withdrawn, warnings: left === '' ? [] : [left] };
  } catch (error) {
    log.error('tokens of former settings could not be withdrawn', {
      tenant: ref.tenantId,
      server: ref.serverId,
      err: error,
    });
    return { withdrawn: [], warnings: [LATER] };
  }
}

/** Every credential of a server: its own one, and those of its tools. */
export function usesOf(
  member: MemberRef,
  config: ServerConfig,
): readonly { readonly use: CredentialUse; readonly block: AuthBlock }[] {
  const endpoint = new URL(endpointOf(config));
  const tools = Object.entries(config.tool_auth).map(([tool, { auth_strategy, auth }]) => ({
    use: { member, endpoint, tool },
    block: { strategy: auth_strategy, settings: auth },
  }));
  const own = { use: { member, endpoint }, block: { strategy: config.auth_strategy, settings: config.auth } };
  return [own, ...tools];
}
