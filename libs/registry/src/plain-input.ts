import { type Fault, isObject } from '#kernel';

/** Deeper than any specification, and far from where recursion ends. */
const MAX_DEPTH = 200;
const MAX_FAULTS = 20;
/** More than any specification of the size that a request may have; it takes 20 ms to look at them. */
export const MAX_VALUES = 250_000;
const UNSTORABLE = 'a NUL or half of a surrogate pair, which cannot be stored';
/** PostgreSQL's jsonb holds neither NUL nor half of a surrogate pair (PostgreSQL 8.14). */
const isUnstorable = (text: string): boolean => text.includes('\0') || LONE_SURROGATE.test(text);
const LONE_SURROGATE = /\p{Surrogate}/u;

/** An object or a list on the way to what is looked at. */
interface Branch {
  readonly holder: object;
  readonly key: string | number;
  /** Steps from the whole. */
  readonly depth: number;
  readonly parent?: Branch;
}

/**
 * What a JSON value holds that no store could keep, no recursion could walk or nobody has the time for, by path. To be
 * asked first, before anything else looks at what a caller sent.
 */
export function plainInputFaults(input: unknown): readonly Fault[] {
  const faults: Fault[] = [];
  const open: Branch[] = [];
  const look = (value: unknown, key: string | number, parent?: Branch): void => {
    if (typeof value === 'string') {
      if (isUnstorable(value)) faults.push({ path: pathTo(key, parent), message: `holds ${UNSTORABLE}` });
    } else if (typeof value === 'object' && value !== null) {
      const branch = { holder: value, key, depth: parent ? parent.depth + 1 : 0, ...(parent && { parent }) };
      if (branch.depth < MAX_DEPTH) open.push(branch);
      else faults.push({ path: settingOf(branch), message: `nests deeper than ${MAX_DEPTH} levels` });
    }
  };
  look(input, '');
  let values = 0;
  for (let branch = open.pop(); branch && faults.length < MAX_FAULTS; branch = open.pop()) {
    const { holder } = branch;
    // Of lists no keys are made; the values of a large object are found sooner by its keys than listed.
    const keys = Array.isArray(holder) ? undefined : Object.keys(holder);
    values += (keys ?? (holder as readonly unknown[])).length;
    if (values > MAX_VALUES) return [{ path: settingOf(branch), message: `holds more than ${MAX_VALUES} values` }];
    if (!keys) for (const [at, value] of (holder as readonly unknown[]).entries()) look(value, at, branch);
    for (const key of keys ?? []) {
      if (isUnstorable(key)) faults.push({ path: pathOf(branch), message: `has a key with ${UNSTORABLE}` });
      look((holder as Record<string, unknown>)[key], key, branch);
    }
  }
  return faults.slice(0, MAX_FAULTS);
}

/** JSON text that PostgreSQL takes as jsonb: what it could not hold is replaced by U+FFFD. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => storable(inner));
}

function storable(value: unknown): unknown {
  if (typeof value === 'string') return isUnstorable(value) ? replaced(value) : value;
  if (!isObject(value) || !Object.keys(value).some((key) => isUnstorable(key))) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [replaced(key), inner]));
}

const replaced = (text: string): string => text.replaceAll('\0', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd');

/** A path that can itself be shown and logged. */
function pathTo(key: string | number, parent: Branch | undefined): string {
  const steps = [...(parent ? stepsTo(parent) : []), ...(parent ? [key] : [])];
  return steps
    .map((step) => replaced(String(step)))
    .join('.')
    .slice(0, 512);
}

const pathOf = ({ key, parent }: Branch): string => pathTo(key, parent);
const settingOf = (branch: Branch): string => replaced(String(stepsTo(branch)[0] ?? ''));

function stepsTo(branch: Branch): readonly (string | number)[] {
  const steps: (string | number)[] = [];
  for (let at = branch; at.parent; at = at.parent) steps.unshift(at.key);
  return steps;
}
