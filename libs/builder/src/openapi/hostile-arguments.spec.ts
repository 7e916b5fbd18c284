import { describe, expect, it } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import { buildRequest } from './build-request.js';
import type { OpenApiOperation, OperationBody, OperationParameter } from './openapi-operation.js';
import { InvalidArgumentsError } from './openapi.errors.js';

const BASE = new URL('https://api.example/v1/');
const STYLES = ['simple', 'matrix', 'form', 'deepObject'] as const;
const PLACES = ['path', 'query', 'header', 'cookie'] as const;
const BODIES = ['json', 'form', 'text'] as const;

/** Values of about `size` characters, each of which has cost some parser dearly. */
const VALUES: Readonly<Record<string, (size: number) => unknown>> = {
  'percent signs encoded again and again': (size) => `%${'25'.repeat(size / 2)}`,
  'half a percent encoding': (size) => '%2'.repeat(size / 2),
  'letters that end in a line break': (size) => `${'a'.repeat(size)}\n`,
  blanks: (size) => `${' '.repeat(size)}x`,
  dots: (size) => '../'.repeat(size / 3),
  'combining marks': (size) => `a${'\u0315\u0300'.repeat(size / 2)}`,
  'characters that grow when they are normalized': (size) => '\ufdfa'.repeat(size),
  'a list of letters': (size) => Array.from({ length: size / 4 }, () => 'a'),
  'an object of letters': (size) => Object.fromEntries(Array.from({ length: size / 10 }, (_, at) => [`k${at}`, 'a'])),
  'many names inside a long one': (size) => ({
    ['n'.repeat(size / 2)]: Object.fromEntries(Array.from({ length: size / 20 }, (_, at) => [`k${at}`, 'a'])),
  }),
};

function operation(
  place: (typeof PLACES)[number] | undefined,
  more: Partial<OperationParameter> & { body?: OperationBody },
) {
  const { body, ...rest } = more;
  const parameter = { argument: 'v', name: 'v', required: false, style: 'form', explode: true, ...rest } as const;
  return {
    name: 'tool',
    description: '',
    inputSchema: { type: 'object' },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
    method: 'POST',
    path: place === 'path' ? '/{v}/x' : '/x',
    parameters: place ? [{ ...parameter, in: place }] : [],
    ...(body && { body }),
  } satisfies OpenApiOperation;
}

const SIZES: [number, number] = [65_536, 524_288];

/** Eight times the size may cost eight times as much, not sixty-four times. */
function expectLinear(tool: OpenApiOperation, args: (size: number) => object): void {
  const given = new Map(SIZES.map((size) => [size, args(size)]));
  const build = (size: number) => {
    try {
      buildRequest(tool, given.get(size)!, BASE);
    } catch (error) {
      if (!(error instanceof InvalidArgumentsError)) throw error;
      expect(error.message.length).toBeLessThan(4_000);
    }
  };
  expect(costRatio(build, SIZES)).toBeLessThan(32);
}

describe('a hostile argument', () => {
  it.each(Object.keys(VALUES))(
    'costs no more than its size in any place: %s',
    (kind) => {
      const args = (size: number) => ({ v: VALUES[kind]!(size) });
      for (const place of PLACES) {
        for (const style of STYLES) {
          expectLinear(operation(place, { style, explode: style !== 'form' }), args);
        }
        expectLinear(operation(place, { json: true, allowReserved: true }), args);
      }
      for (const body of BODIES) {
        const whole = { contentType: 'text/plain', kind: body, required: true, additional: false };
        expectLinear(operation(undefined, { body: { ...whole, argument: 'v' } }), args);
        const properties = STYLES.map((style) => ({ argument: 'v', name: 'v', style, explode: style !== 'form' }));
        expectLinear(operation(undefined, { body: { ...whole, properties } }), args);
      }
    },
    60_000,
  );

  it('costs no more than its size as a name that no argument has', () => {
    const names = (size: number) => Object.fromEntries(Array.from({ length: size / 10 }, (_, at) => [`k${at}`, 1]));
    expectLinear(operation('query', {}), names);
    expectLinear(operation('query', {}), (size) => ({ ['n'.repeat(size)]: 1 }));
  });

  const faultOf = (place: (typeof PLACES)[number], v: unknown, style: OperationParameter['style'] = 'form') => {
    try {
      buildRequest(operation(place, { style }), { v }, BASE);
    } catch (error) {
      return (error as InvalidArgumentsError).faults[0];
    }
    return undefined;
  };

  it('is refused in a path when it is longer than a path takes, in one piece or in many', () => {
    const tooLong = { path: 'v', message: 'must be at most 4096 characters long in a path' };
    expect(faultOf('path', 'a'.repeat(4_097))).toEqual(tooLong);
    expect(faultOf('path', Array(2_100).fill('a'))).toEqual(tooLong);
    expect(faultOf('path', 'a'.repeat(4_096))).toBeUndefined();
  });

  it('is refused in a path when it is encoded over and over, and not when it is encoded twice', () => {
    expect(faultOf('path', `%${'25'.repeat(9)}41`)?.message).toContain('over and over');
    expect(faultOf('path', '%2541')).toBeUndefined();
  });

  it('is refused where names repeat until the address is too long', () => {
    const value = VALUES['many names inside a long one']!(20_000);
    expect(faultOf('query', value, 'deepObject')).toEqual({
      path: 'v',
      message: 'must not make more than 65536 characters',
    });
  });

  it('is refused in a header that no server takes', () => {
    expect(faultOf('header', 'a'.repeat(16_385))?.message).toContain('16384');
    expect(faultOf('header', 'a'.repeat(16_384))).toBeUndefined();
  });
});
