import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

/**
 * The sources of some libs as plain JavaScript in a temporary folder, for tests whose processes get killed: Node
 * itself runs no TypeScript.
 */
export class CompiledCopy {
  private constructor(readonly directory: string) {}

  static of(...libs: readonly string[]): CompiledCopy {
    const root = process.cwd();
    const directory = mkdtempSync(join(tmpdir(), 'mcpc-js-'));
    const folders = [...libs.map((lib) => join('libs', lib, 'src')), 'migrations'];
    for (const folder of folders) compile(root, directory, folder);
    const manifest = JSON.parse(readFileSync(resolve('package.json'), 'utf8')) as { imports: Record<string, Target> };
    const imports = Object.entries(manifest.imports).map(([name, target]) => [name, compiled(target)]);
    writeFileSync(
      join(directory, 'package.json'),
      JSON.stringify({ type: 'module', imports: Object.fromEntries(imports) }),
    );
    symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
    return new CompiledCopy(directory);
  }

  /** Writes a module into the copy and gives its path. */
  write(name: string, source: string): string {
    const file = join(this.directory, name);
    writeFileSync(file, source);
    return file;
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

interface Target {
  readonly 'composer-src': string;
}

const compiled = (target: Target): string => target['composer-src'].replace(/\.ts$/, '.js');

function compile(root: string, directory: string, folder: string): void {
  for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
    const file = join(folder, name);
    if (!name.endsWith('.ts') || name.endsWith('.spec.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(join(root, file), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    });
    const target = join(directory, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
}
