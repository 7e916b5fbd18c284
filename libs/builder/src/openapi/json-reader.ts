import { isObject } from '#kernel';

/*
 * Reads members of data that a stranger wrote: own properties only, and only those of the wanted shape. A member
 * that is missing and one of another shape look alike, so that a careless document loses a detail and not the import.
 */

export function memberOf(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function objectOf(value: unknown, key: string): Record<string, unknown> | undefined {
  const member = memberOf(value, key);
  return isObject(member) ? member : undefined;
}

export function textOf(value: unknown, key: string): string | undefined {
  const member = memberOf(value, key);
  return typeof member === 'string' ? member : undefined;
}

/** The members of a list; none if there is no list. */
export function listOf(value: unknown, key: string): readonly unknown[] {
  const member = memberOf(value, key);
  return Array.isArray(member) ? member : [];
}

export function entriesOf(value: unknown, key: string): [string, unknown][] {
  return Object.entries(objectOf(value, key) ?? {});
}
