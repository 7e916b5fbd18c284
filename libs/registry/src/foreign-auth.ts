import type { AuthAdapter } from '#auth';
import { isObject } from '#kernel';

/** Settings of another strategy are not merged with: nothing of them means anything to the new one. */
export function withoutForeignAuth(
  adapter: AuthAdapter,
  config: Readonly<Record<string, unknown>>,
  patch: unknown,
): Record<string, unknown> {
  const { auth, ...rest } = config;
  const named = isObject(patch) ? patch['auth_strategy'] : undefined;
  const isSame = named === undefined || strategyOf(adapter, named) === strategyOf(adapter, config['auth_strategy']);
  return isSame ? { auth, ...rest } : rest;
}

/** The strategy's own name, if `named` is that or an alias. */
function strategyOf(adapter: AuthAdapter, named: unknown): unknown {
  if (typeof named !== 'string') return named;
  const spelling = named.toLowerCase();
  const known = adapter
    .describe()
    .find(({ name, aliases }) => [name, ...aliases].some((one) => one.toLowerCase() === spelling));
  return known?.name ?? named;
}
