import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = ['apps', 'libs', 'migrations'];
const SETTINGS = ['package.json', 'package-lock.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json'];
const ENTRY = 'apps/composer/src/main.js';

/** True if dist does not hold the build of exactly these sources and settings. */
export function sourcesChanged(root) {
  if (!existsSync(join(root, 'dist', ENTRY))) return true;
  const built = readStamp(root);
  const now = snapshot(root);
  return built === undefined || !same(built.sources, now.sources) || !same(built.settings, now.settings);
}

/** What a build would be made of. Take it before the build: a file saved meanwhile must count as changed. */
export function snapshot(root) {
  return { settings: settings(root), sources: sources(root) };
}

/**
 * Removes what an incremental build would leave behind: everything, if it is unknown what dist was built from, if
 * the settings changed, or if a source is gone. Otherwise the compiler rebuilds only what changed. The stamp goes
 * in any case, so that an interrupted build is never taken for a finished one.
 */
export function removeStaleOutput(root, now) {
  const built = readStamp(root);
  const reusable =
    built !== undefined &&
    existsSync(join(root, 'dist', ENTRY)) &&
    same(built.settings, now.settings) &&
    Object.keys(built.sources).every((file) => file in now.sources);
  rmSync(reusable ? stampOf(root) : join(root, 'dist'), { recursive: true, force: true });
}

export function recordBuild(root, built) {
  writeFileSync(stampOf(root), JSON.stringify(built));
}

const stampOf = (root) => join(root, 'dist', '.composer-built');

function readStamp(root) {
  try {
    return JSON.parse(readFileSync(stampOf(root), 'utf8'));
  } catch {
    return undefined; // absent, or cut short by a crash: both mean that dist is not to be trusted
  }
}

function settings(root) {
  return Object.fromEntries(
    SETTINGS.filter((file) => existsSync(join(root, file))).map((file) => [file, sign(root, file)]),
  );
}

/** What tsconfig.build.json compiles: no specs and nothing from the testing folders. */
function sources(root) {
  const found = {};
  for (const folder of FOLDERS) walk(root, folder, found);
  return found;
}

function walk(root, folder, found) {
  if (!existsSync(join(root, folder))) return;
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) {
      if (entry.name !== 'testing') walk(root, path, found);
    } else if (!entry.name.endsWith('.spec.ts')) {
      found[path] = sign(root, path);
    }
  }
}

function sign(root, path) {
  const { size, mtimeMs } = statSync(join(root, path));
  // Copies keep whole milliseconds at most, so that a copy of a checkout is as much built as its original.
  return `${size}:${Math.round(mtimeMs)}`;
}

function same(one, other) {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
