import { exclusively } from './exclusively.mjs';
import { lockfileChanged, recordInstall } from './install-stamp.mjs';
import { npm } from './npm.mjs';

/**
 * Installs what a folder with a package.json and a lockfile of its own asks for, unless it is there: packages that
 * only one script needs, and that are too large, or too odd, for everybody's `npm ci`. Runs none of their scripts.
 *
 * @param isThere whether the files that are needed exist
 * @param name what it is, for the person at the terminal
 */
export async function installApart(folder, { isThere, name, say, args = [] }) {
  const isInstalled = () => isThere() && !lockfileChanged(folder);
  if (isInstalled()) return;
  await exclusively(folder, async () => {
    if (isInstalled()) return;
    say(`installing ${name} (first run)…`);
    await npm(folder, ['ci', '--no-audit', '--no-fund', '--ignore-scripts', ...args], {
      failed: `${name} could not be installed: check the network and \`npm config get registry\``,
    });
    recordInstall(folder);
  });
}
