import { accessConfig } from '#access';
import { listenConfig } from '#config';
import { StdioKeyMissingError } from './stdio.errors.js';
import { stdioClientConfig } from './stdio-client.config.js';

/**
 * As whom the client at stdin calls. Whoever has started this process is let in as over HTTP: without a credential where
 * none is needed, else with the one that the environment gives.
 *
 * @throws StdioKeyMissingError
 */
export function callerHeaders(): Record<string, string> {
  const { apiKey } = stdioClientConfig();
  if (apiKey === undefined && accessConfig().mode === 'required') throw new StdioKeyMissingError();
  const { host } = new URL(listenConfig().publicUrl);
  return { host, ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }) };
}
