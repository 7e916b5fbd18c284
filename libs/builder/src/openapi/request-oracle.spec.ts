import { afterAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { composerArguments } from '../../testing/oracle/composer-arguments.js';
import { comparedRequest } from '../../testing/oracle/compared-request.js';
import { type DifferenceId, KNOWN_DIFFERENCES, MetDifferences } from '../../testing/oracle/known-differences.js';
import { RequestOracle } from '../../testing/oracle/request-oracle.js';
import { generatedOperations } from '../../testing/oracle/request-questions.js';
import { buildRequest } from './build-request.js';
import { compileOperations } from './compile-operations.js';
import { parseDocument } from './parse-document.js';

const BASE = 'https://api.example/v1';
const SETS_OF_EACH = 4;
// `npm run property:requests` sets these. Without it every run is the same, so that each difference is met.
const { REQUEST_SETS, REQUEST_SEED } = process.env;
const SETS = Number(REQUEST_SETS ?? 1_000);
const SEED = Number(REQUEST_SEED ?? 20_261_126);

const sameJson = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

describe('a request', () => {
  const met = new Map<DifferenceId, number>();
  const real = new Set<DifferenceId>();
  let [sets, untouched] = [0, 0];

  it(
    'is what an independent library builds from the same arguments',
    async () => {
      const property = fc.asyncProperty(
        generatedOperations(SETS_OF_EACH),
        async ({ document, method, path, ...more }) => {
          const { operations, skipped } = compileOperations(parseDocument(document));
          expect(skipped).toEqual([]);
          const oracle = await RequestOracle.of(structuredClone(document), BASE);
          for (const values of more.sets) {
            const ours = await comparedRequest(
              buildRequest(operations[0]!, composerArguments(operations[0]!, values), new URL(BASE)),
            );
            const differences = new MetDifferences();
            const theirs = oracle.request({ method, path, values: structuredClone(values) }, differences);
            expect(ours).toEqual(theirs);
            sets++;
            if (differences.met.size === 1) untouched++;
            for (const id of differences.met) {
              met.set(id, (met.get(id) ?? 0) + 1);
              if (real.has(id)) continue;
              const bare = oracle.request({ method, path, values: structuredClone(values) }, new MetDifferences(id));
              if (!sameJson(bare, theirs)) real.add(id);
            }
          }
        },
      );
      await fc.assert(property, { numRuns: Math.ceil(SETS / SETS_OF_EACH), seed: SEED });
    },
    60_000 + SETS * 20,
  );

  // A line that is never met, or that changes nothing, hides what it does not say.
  it('differs from what that library builds in nothing but what is known, all of which is real', () => {
    const all = Object.keys(KNOWN_DIFFERENCES) as DifferenceId[];
    expect(all.filter((id) => !real.has(id))).toEqual([]);
  });

  afterAll(() => {
    if (REQUEST_SETS === undefined) return;
    const lines = [...met].sort(([, one], [, other]) => other - one).map(([id, count]) => `${count} ${id}`);
    process.stdout.write(
      `${sets} sets, seed ${SEED}; ${untouched} met no known difference but the accept header\n${lines.join('\n')}\n`,
    );
  });
});
