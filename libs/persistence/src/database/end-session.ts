import type { Client } from 'pg';

const CLOSE_MS = 1_000;

/** Says goodbye, and does not wait for one that cannot answer. */
export async function endSession(session: Client | undefined): Promise<void> {
  if (!session) return;
  session.on('error', () => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
  await Promise.race([session.end().catch(() => undefined), late]);
  clearTimeout(timer);
  (session as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}
