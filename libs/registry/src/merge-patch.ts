import { isObject } from '#kernel';

/** JSON Merge Patch (RFC 7396): objects merge, `null` removes, everything else replaces. Changes neither argument. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (key === '__proto__') continue;
    if (value === null) delete merged[key];
    // A marker keeps the stored secret, whatever stands there now; merging into it would change nothing.
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}
