// `node scripts/strategies-document.mjs`, after a build: writes the generated parts of docs/strategies.md, which are the
// settings of every strategy on offer and the file that the recipe shows. Text and examples around them are left alone.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const DOCUMENT = 'docs/strategies.md';
const BUILT = 'dist/libs/auth/src/strategies/index.js';
const PART = /(<!-- (settings|file): (\S+) -->\n)[\s\S]*?(<!-- end -->)/g;

/**
 * The document with its generated parts written anew.
 * @param toJsonSchema that of zod
 */
export function written(text, strategies, toJsonSchema) {
  const render = {
    settings: (name) => {
      const strategy = strategies.find((one) => one.name === name);
      return strategy ? settingsTable(strategy, toJsonSchema) : '';
    },
    file: (path) => `\`\`\`ts\n${readFileSync(join(ROOT, path), 'utf8')}\`\`\`\n`,
  };
  return text.replaceAll(PART, (_, begin, kind, name, end) => `${begin}\n${render[kind](name)}\n${end}`);
}

function settingsTable({ settings, secrets, aliases = [] }, toJsonSchema) {
  const { properties = {} } = toJsonSchema(settings, { io: 'output' });
  const { required = [] } = toJsonSchema(settings, { io: 'input' });
  const rows = Object.entries(properties).map(([name, { description = '', enum: values, default: usual }]) => {
    const notes = [
      ...(required.includes(name) ? ['required'] : []),
      ...(secrets.includes(name) ? ['secret'] : []),
      ...(values ? [values.map((value) => `\`${value}\``).join(', ')] : []),
      ...(usual === undefined ? [] : [`default \`${usual}\``]),
    ];
    return `| \`${name}\` | ${notes.join('; ')} | ${description} |\n`;
  });
  const table =
    rows.length === 0 ? 'No settings.\n' : `| setting | | what it is |\n| --- | --- | --- |\n${rows.join('')}`;
  const other =
    aliases.length === 0 ? '' : `\nRead as this strategy too: ${aliases.map((name) => `\`${name}\``).join(', ')}.\n`;
  return table + other;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = join(ROOT, BUILT);
  if (!existsSync(built)) throw new Error('the strategies are not built: run node scripts/prepare.mjs');
  await import('reflect-metadata');
  const [offered, { z }] = await Promise.all([import(built), import('zod')]);
  const strategies = Object.values(offered).map((Strategy) => new Strategy());
  const text = readFileSync(join(ROOT, DOCUMENT), 'utf8');
  writeFileSync(join(ROOT, DOCUMENT), written(text, strategies, z.toJSONSchema));
}
