export { EmbeddedDatabase, claimEmbeddedDatabase, startEmbeddedDatabase } from './embedded-database.js';
