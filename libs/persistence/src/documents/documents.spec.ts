import {
  MemoryDocuments,
  type OpenDocuments,
  describeDocuments,
  openCloudantDocuments,
  openCloudantServer,
} from '../../testing/index.js';

describeDocuments('memory', async () => ({ documents: new MemoryDocuments(), close: async () => undefined }));
describeDocuments('Cloudant', () => onCloudant(true));
describeDocuments('CouchDB without partitions', () => onCloudant(false));

async function onCloudant(hasPartitions: boolean): Promise<OpenDocuments> {
  const server = await openCloudantServer();
  server.front.rules.hasPartitions = hasPartitions;
  const opened = await openCloudantDocuments(server.database());
  const close = async (): Promise<void> => {
    await opened.close();
    await server.close();
  };
  return { documents: opened.documents, close };
}
