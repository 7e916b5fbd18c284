import type { ServerConfig } from '#registry';
import * as offered from './index.js';
import type { MemberBuilder } from './member-parts.js';

const byType = new Map<string, MemberBuilder>();
for (const builder of Object.values(offered) as unknown as MemberBuilder[]) {
  for (const type of builder.types) byType.set(type, builder);
}

/** The builder of a type. The registry's schema admits only types that have one. */
export function builderFor(type: ServerConfig['type']): MemberBuilder {
  const builder = byType.get(type);
  if (!builder) throw new Error(`no builder for members of type "${type}"`);
  return builder;
}
