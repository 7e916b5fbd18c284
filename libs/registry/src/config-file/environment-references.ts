import type { Environment } from '#config';
import { type Fault, isObject } from '#kernel';

const WHOLE = /^ENV_[A-Za-z0-9_]+$/;
const PART = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

export interface Resolved {
  readonly value: unknown;
  readonly faults: readonly Fault[];
}

/**
 * Puts values of the environment in the place of references: a text `ENV_SHOP_KEY` stands for the variable of that whole
 * name, as the original has it, and `${SHOP_KEY}` may stand anywhere in a text. An unset name is a fault: an empty
 * credential would be sent instead.
 */
export function resolveReferences(value: unknown, environment: Environment, path = ''): Resolved {
  const faults: Fault[] = [];
  const lookUp = (name: string, at: string): string => {
    const found = environment[name];
    if (!found) faults.push({ path: at, message: `names the variable ${name}, which is not set` });
    return found ?? '';
  };
  const below = (at: string, step: string | number): string => (at ? `${at}.${step}` : String(step));
  const resolve = (part: unknown, at: string): unknown => {
    if (typeof part === 'string') {
      return WHOLE.test(part) ? lookUp(part, at) : part.replace(PART, (_, name: string) => lookUp(name, at));
    }
    if (Array.isArray(part)) return part.map((item, index) => resolve(item, below(at, index)));
    if (!isObject(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, resolve(inner, below(at, key))]));
  };
  return { value: resolve(value, path), faults };
}
