import { Log, SecretValues } from '#observability';
import { CloudantConnection } from '../../src/cloudant/cloudant-connection.js';
import { CloudantRanges } from '../../src/cloudant/cloudant-ranges.js';
import { CloudantShelf } from '../../src/cloudant/cloudant-shelf.js';
import { CloudantDocuments } from '../../src/cloudant/cloudant.documents.js';
import { Quorum } from '../../src/cloudant/quorum.js';
import type { CloudantConfig } from '../../src/persistence.config.js';

/** Documents of a Cloudant, put together without Nest. */
export interface OpenCloudantDocuments {
  readonly documents: CloudantDocuments;
  readonly connection: CloudantConnection;
  readonly secrets: SecretValues;
  /** Lines of the log from `warn` on. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

/** Opens the database that `config` names, as another process would; makes it where it is missing. */
export async function openCloudantDocuments(config: CloudantConfig): Promise<OpenCloudantDocuments> {
  const lines: string[] = [];
  const secrets = new SecretValues();
  const log = Log.open({ level: 'warn', format: 'json' }, secrets, (line) => lines.push(line));
  const connection = new CloudantConnection(config, secrets);
  await connection.open();
  const shelf = new CloudantShelf(connection);
  const documents = new CloudantDocuments(new CloudantRanges(connection, shelf), shelf, new Quorum(shelf), log);
  return { documents, connection, secrets, lines, close: () => connection.close() };
}
