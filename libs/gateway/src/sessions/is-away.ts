import { ComposerError } from '#kernel';

/** The store is away, and what is asked of it is not the reason. */
export const isAway = (error: unknown): boolean => error instanceof ComposerError && error.status === 503;
