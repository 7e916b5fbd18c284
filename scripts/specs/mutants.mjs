/*
 * Real documents that were changed at random: values of another kind, references to everywhere and beyond, names that
 * mean something, members removed, renamed and swapped, bytes lost and turned. The seed repeats them.
 */

/** As `Math.random`, from a seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const VERSIONS = ['2.0', '3.0.0', '3.0.3', '3.1.0', '3.2.0', '4.0.0', 3.1];
const NAMES = ['__proto__', 'constructor', '$ref', 'type', 'schema', 'items', 'paths', '\u0000', '\ud800', '../..', ''];
const MOST_CHANGES = 6;
const MOST_TURNS = 12;

/** @param texts documents in JSON or YAML; @param beyond what no document may reach */
export function mutantOf(texts, random, beyond) {
  const pick = (list) => list[Math.floor(random() * list.length)];
  const text = pick(texts);
  if (random() < 0.2 || !text.startsWith('{')) return broken(text, random);
  const document = JSON.parse(text);
  const nasty = () => valueFor({ document, pick, random, beyond });
  for (let left = 1 + Math.floor(random() * MOST_CHANGES); left > 0; left--) change(document, { pick, random, nasty });
  if (random() < 0.1) document[pick(['openapi', 'swagger'])] = pick(VERSIONS);
  return JSON.stringify(document);
}

function valueFor({ document, pick, random, beyond }) {
  const pointers = ['#', '#/', '#/paths', '#/nowhere', '#/components/schemas', ...schemasOf(document), ...beyond];
  const turn = random();
  if (turn < 0.4) return { $ref: pick(pointers) };
  if (turn < 0.5) return { allOf: [{ $ref: pick(pointers) }, { $ref: pick(pointers) }] };
  return pick([
    null,
    true,
    0,
    -1,
    1e308,
    '',
    'object',
    'array',
    [],
    {},
    [[[]]],
    ...NAMES,
    ...beyond,
    '^(a+)+$',
    'x'.repeat(5_000),
  ]);
}

const schemasOf = ({ components, definitions }) => [
  ...Object.keys(components?.schemas ?? {}).map((name) => `#/components/schemas/${name}`),
  ...Object.keys(definitions ?? {}).map((name) => `#/definitions/${name}`),
];

function change(document, { pick, random, nasty }) {
  let container = document;
  for (let turns = 1 + Math.floor(random() * MOST_TURNS); turns > 0; turns--) {
    const key = pick(Object.keys(container));
    if (key === undefined) return;
    const inner = container[key];
    if (turns > 1 && typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0) {
      container = inner;
      continue;
    }
    const how = random();
    if (how < 0.5) container[key] = nasty();
    else if (how < 0.65) delete container[key];
    else if (how < 0.8) container[key] = container[pick(Object.keys(container))];
    else if (!Array.isArray(container)) container[pick(NAMES)] = inner;
    return;
  }
}

function broken(text, random) {
  const bytes = Buffer.from(text);
  for (let left = 1 + Math.floor(random() * 20); left > 0; left--)
    bytes[Math.floor(random() * bytes.length)] = random() * 256;
  const from = Math.floor(random() * bytes.length);
  return random() < 0.3 ? bytes.subarray(0, from) : bytes;
}
