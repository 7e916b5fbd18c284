import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOT_COPIED = new Set(['node_modules', 'dist', '.git', '.data', 'coverage', 'secrets', '.prepare.lock']);

export interface CheckoutCopy {
  readonly root: string;
  remove(): void;
}

/**
 * What a stranger has after `git clone` and `npm ci`, so that a test may build and start there. `isBuilt`: and after
 * a build, if the original is built.
 */
export function copyCheckout({ isBuilt }: { readonly isBuilt: boolean }): CheckoutCopy {
  const root = mkdtempSync(join(tmpdir(), 'composer-checkout-'));
  for (const name of readdirSync(ROOT)) {
    if (isCopied(name, isBuilt))
      cpSync(join(ROOT, name), join(root, name), { recursive: true, preserveTimestamps: true, filter: isCloned });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'dir');
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** A folder with a package.json of its own has its packages beside it once they are installed. */
const isCloned = (path: string): boolean => basename(path) !== 'node_modules';

function isCopied(name: string, isBuilt: boolean): boolean {
  // A developer's own settings are not part of a clone.
  return (!NOT_COPIED.has(name) && !name.startsWith('.env')) || (name === 'dist' && isBuilt);
}
