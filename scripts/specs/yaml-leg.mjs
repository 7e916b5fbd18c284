import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { importAll } from './importers.mjs';

/**
 * Imports documents in JSON as YAML too, in processes of their own, so that what these measure is not disturbed.
 *
 * @param files of `folder`; those in JSON are taken
 * @returns for each, whether both make the very same; or why the YAML is refused
 */
export async function importAsYaml(folder, files, { count }) {
  const scratch = mkdtempSync(join(tmpdir(), 'composer-yaml-'));
  const json = files.filter((file) => file.endsWith('.json'));
  try {
    const [wanted, made] = [new Map(), new Map()];
    const into = (results) => ({ count, deed: 'digest', note: ({ file, ...result }) => results.set(file, result) });
    await importAll(folder, json, into(wanted));
    const asYaml = [];
    for (const file of json.filter((one) => wanted.get(one).outcome === 'imported')) {
      const name = `${asYaml.length}.yaml`;
      writeFileSync(join(scratch, name), yamlOf(readFileSync(join(folder, file), 'utf8')));
      asYaml.push([file, name]);
    }
    await importAll(
      scratch,
      asYaml.map(([, name]) => name),
      into(made),
    );
    return asYaml.map(([file, name]) => ({
      file,
      ...made.get(name),
      isSame: made.get(name).hash !== undefined && made.get(name).hash === wanted.get(file).hash,
    }));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const yamlOf = (text) => stringify(JSON.parse(text.replace(/^\uFEFF/, '')), { aliasDuplicateObjects: false });
