import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** What this needs of it: the libraries that the types are checked with know no WebAssembly. */
interface Compiler {
  compile(bytes: Uint8Array): Promise<object>;
}

const { WebAssembly } = globalThis as unknown as { readonly WebAssembly: Compiler };
let engine: Promise<object> | undefined;

/**
 * Keeps the WebAssembly of the embedded database compiled for as long as this spec file runs. V8 gives everyone in a
 * process the same code for the same bytes while somebody holds it, worker threads too; without a holder every open
 * compiles the nine megabytes again, and what is used most once more for speed: half a second of the processor.
 */
export async function holdCompiledEngine(): Promise<void> {
  engine ??= compileEngine();
  await engine;
}

async function compileEngine(): Promise<object> {
  const pglite = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  return WebAssembly.compile(await readFile(join(dirname(pglite), 'pglite.wasm')));
}
