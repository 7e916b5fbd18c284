import { ComposerError } from '#kernel';
import type { INestApplicationContext, Type } from '@nestjs/common';

const BY_API = 'or do this over the REST API of the composer that runs, under /api/v1';

/** The embedded database has one process; while that is a composer, its API is the way in, mostly. */
class EmbeddedInUseError extends ComposerError {
  constructor({ code, message }: ComposerError, instead: string) {
    super(code, instead === '' ? message : `${message}; ${instead}`, { status: 503 });
  }
}

/**
 * Runs `work` with what `module` offers, on the database of the current environment, brought up to date, and closes it.
 *
 * @param instead what to do where another process has the embedded database, if not stopping that one
 */
export async function withContext<T>(
  module: Type,
  work: (app: INestApplicationContext) => Promise<T>,
  instead = BY_API,
): Promise<T> {
  const [{ NestFactory }, { DataDirectoryLockedError }] = await Promise.all([
    import('@nestjs/core'),
    import('#persistence'),
  ]);
  const starting = NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const app = await starting.catch((error: unknown) => {
    throw error instanceof DataDirectoryLockedError ? new EmbeddedInUseError(error, instead) : error;
  });
  try {
    return await work(app);
  } finally {
    await app.close();
  }
}
