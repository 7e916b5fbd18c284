/** The database of this process, whichever it is: opened at the start, asked by the health routes, closed at the end. */
export abstract class DatabaseLink {
  /** @throws DatabaseUnavailableError, DataDirectoryLockedError, EmbeddedStartError */
  abstract open(): Promise<void>;

  /** Makes it fit for this version of the composer. @throws MigrationError, UnsafeRoleError, DatabaseUnavailableError */
  abstract prepare(): Promise<void>;

  /** Comes back within 2 seconds, whatever the database does. @throws DatabaseUnavailableError */
  abstract ping(): Promise<void>;

  /** Safe to call twice, and when it was not opened. */
  abstract close(): Promise<void>;
}
