import { ComposerError } from '#kernel';
import type { INestApplicationContext, Type } from '@nestjs/common';

/** The embedded database has one process; while that is a composer, its API is the way in. */
class EmbeddedInUseError extends ComposerError {
  constructor({ code, message }: ComposerError) {
    super(code, `${message}; or do this over the REST API of the composer that runs, under /api/v1`, { status: 503 });
  }
}

/** Runs `work` with what `module` offers, on the database of the current environment, brought up to date, and closes it. */
export async function withContext<T>(module: Type, work: (app: INestApplicationContext) => Promise<T>): Promise<T> {
  const [{ NestFactory }, { DataDirectoryLockedError }] = await Promise.all([
    import('@nestjs/core'),
    import('#persistence'),
  ]);
  const starting = NestFactory.createApplicationContext(module, { logger: false, abortOnError: false });
  const app = await starting.catch((error: unknown) => {
    throw error instanceof DataDirectoryLockedError ? new EmbeddedInUseError(error) : error;
  });
  try {
    return await work(app);
  } finally {
    await app.close();
  }
}
