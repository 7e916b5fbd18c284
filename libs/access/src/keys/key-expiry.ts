const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };
const MAX_MS = 10 * 366 * UNITS['d']!;

export const EXPIRY_HINT = 'a number of minutes, hours or days, such as 30m, 12h or 90d, of ten years at most';

/** The time that lies `text` after `now`; undefined if the text is no such span. */
export function expiryAfter(text: string, now: number): Date | undefined {
  const [, count, unit] = /^([1-9]\d{0,6})([mhd])$/.exec(text) ?? [];
  const span = Number(count) * UNITS[unit ?? '']!;
  return span <= MAX_MS ? new Date(now + span) : undefined;
}
