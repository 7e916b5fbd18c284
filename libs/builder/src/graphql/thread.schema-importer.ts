import { ThreadAnswer } from '../threads/thread-answer.js';
import { ThreadTurns } from '../threads/thread-turns.js';
import { ThreadWork } from '../threads/thread-work.js';
import type { CompiledSchema, SchemaOptions } from './compile-schema.js';
import { InvalidSchemaError, SchemasBusyError } from './graphql.errors.js';
import type { SchemaImporter } from './schema-importer.js';

const FAULTS = {
  late: (seconds: number) => new InvalidSchemaError(`it takes longer than ${seconds} s to read`),
  tooLarge: (mib: number) => new InvalidSchemaError(`it takes more than ${mib} MiB to read`),
  busy: () => new SchemasBusyError(),
};

/** Each schema in a thread of its own, which bounds the time and the memory that it takes. */
export class ThreadSchemaImporter implements SchemaImporter {
  private readonly work: ThreadWork<CompiledSchema>;

  /** @param entry the module of the thread */
  constructor(entry = new URL('./schema.worker.js', import.meta.url), threads = new ThreadTurns()) {
    this.work = new ThreadWork(entry, () => new ThreadAnswer<CompiledSchema>(), FAULTS, threads);
  }

  import(source: Uint8Array, options: SchemaOptions, sharer = ''): Promise<CompiledSchema> {
    return this.work.run(source, options, sharer);
  }
}
