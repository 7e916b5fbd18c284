import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** True if node_modules is absent, incomplete, or was installed for another package-lock.json or platform. */
export function lockfileChanged(root) {
  if (readText(stampOf(root)) === fingerprint(root)) return false;
  if (!installedByHand(root)) return true;
  recordInstall(root);
  return false;
}

export function recordInstall(root) {
  writeFileSync(stampOf(root), fingerprint(root));
}

const stampOf = (root) => join(root, 'node_modules', '.composer-installed');

function fingerprint(root) {
  const lock = readFileSync(join(root, 'package-lock.json'));
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform}-${process.arch}\n`;
}

/**
 * Whether somebody's own `npm ci` or `npm install` already put in place exactly what package-lock.json asks for.
 * npm writes node_modules/.package-lock.json last, with what it really installed: optional packages of other
 * platforms are absent from it.
 */
function installedByHand(root) {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const wanted = packages(join(root, 'package-lock.json'));
  const present = packages(hidden);
  const names = new Set([...Object.keys(wanted), ...Object.keys(present)]);
  return [...names].every((name) => {
    const { optional, devOptional, version, integrity } = wanted[name] ?? {};
    const found = present[name];
    if (!found) return Boolean(optional ?? devOptional);
    return found.version === version && found.integrity === integrity && existsSync(join(root, name));
  });
}

function packages(file) {
  const { '': _root, ...installed } = JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  return installed;
}

function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
