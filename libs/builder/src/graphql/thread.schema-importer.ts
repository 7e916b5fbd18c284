import { ThreadAnswer } from '../threads/thread-answer.js';
import { type ThreadLimits, ThreadWork } from '../threads/thread-work.js';
import type { CompiledSchema, SchemaOptions } from './compile-schema.js';
import { InvalidSchemaError, SchemasBusyError } from './graphql.errors.js';
import type { SchemaImporter } from './schema-importer.js';

// The largest public schemas have some thousand types and need one second of a processor that may have other things to do.
const LIMITS: ThreadLimits = { heapMib: 192, deadlineMs: 10_000, atOnce: 2, waiting: 100, waitingOfOne: 20 };
const FAULTS = {
  late: (seconds: number) => new InvalidSchemaError(`it takes longer than ${seconds} s to read`),
  tooLarge: (mib: number) => new InvalidSchemaError(`it takes more than ${mib} MiB to read`),
  busy: () => new SchemasBusyError(),
};

/** Each schema in a thread of its own, which bounds the time and the memory that it takes. */
export class ThreadSchemaImporter implements SchemaImporter {
  private readonly work: ThreadWork<CompiledSchema>;

  /** @param entry the module of the thread */
  constructor(entry = new URL('./schema.worker.js', import.meta.url), limits: Partial<ThreadLimits> = {}) {
    this.work = new ThreadWork(entry, () => new ThreadAnswer<CompiledSchema>(), FAULTS, { ...LIMITS, ...limits });
  }

  import(source: Uint8Array, options: SchemaOptions, sharer = ''): Promise<CompiledSchema> {
    return this.work.run(source, options, sharer);
  }
}
