/** Less than this is taken for it: what next to nothing costs is not known any better. */
const LEAST_MS = 3;
const RUNS = 2;

/**
 * How many times as much of the processor's time `deed` takes for the larger size as for the smaller one, whatever else
 * the machine does: as many times as the size has grown where the time is linear, the square of that where it is not.
 *
 * @param deed does its work at once, with input of the given size
 */
export function costRatio(deed: (size: number) => void, [small, large]: readonly [number, number]): number {
  const ofSmall = costOf(() => deed(small)); // compiled by now
  return costOf(() => deed(large)) / Math.max(ofSmall, LEAST_MS);
}

/** Milliseconds of the processor, the better of two. */
function costOf(deed: () => void): number {
  const runs = Array.from({ length: RUNS }, () => {
    const before = process.cpuUsage();
    deed();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...runs);
}
