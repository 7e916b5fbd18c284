import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout, whatever folder the tests are started from. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export interface SourceFile {
  /** Path from the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git', '.data']);

export function filesUnder(folder: string, wanted: (path: string) => boolean): readonly SourceFile[] {
  if (!existsSync(join(ROOT, folder))) return [];
  const found: SourceFile[] = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !NOT_OURS.has(entry.name)) found.push(...filesUnder(path, wanted));
    else if (entry.isFile() && wanted(path)) found.push(readSource(path));
  }
  return found;
}

export function readSource(path: string): SourceFile {
  const text = readText(path);
  return { path: relative('.', path).replaceAll('\\', '/'), text, lines: text.split('\n') };
}

export const readText = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
export const exists = (path: string): boolean => existsSync(join(ROOT, path));

/** Every TypeScript file of the apps, the libs, the migrations and the tests. */
export function allSources(): readonly SourceFile[] {
  return ['apps', 'libs', 'migrations', 'test'].flatMap((folder) => filesUnder(folder, (path) => path.endsWith('.ts')));
}

/** Every Markdown file that a reader of the repository may open. */
export function allDocuments(): readonly SourceFile[] {
  return filesUnder('.', (path) => path.endsWith('.md'));
}

/** Specs, what the `testing/` folders offer to specs, and everything under `test/`. */
export const isTest = ({ path }: Pick<SourceFile, 'path'>): boolean =>
  /\.(spec|e2e-spec)\.ts$/.test(path) || path.startsWith('test/') || path.includes('/testing/');

export const isSpec = ({ path }: Pick<SourceFile, 'path'>): boolean => /\.(spec|e2e-spec)\.ts$/.test(basename(path));

/** `libs/auth/src/…` is of `auth`, `apps/composer/…` of `composer`, `migrations/…` of `migrations`, else undefined. */
export function partOf(path: string): string | undefined {
  const [top, name] = path.split('/');
  if (top === 'migrations') return 'migrations';
  return top === 'libs' || top === 'apps' ? name : undefined;
}

export const packageJson = JSON.parse(readText('package.json')) as {
  readonly imports: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly scripts: Readonly<Record<string, string>>;
};
