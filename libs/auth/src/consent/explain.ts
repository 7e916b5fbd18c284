import type { ServerResponse } from 'node:http';
import { ComposerError } from '#kernel';
import { html, sendPage } from '#pages';

/** Tells a person why nothing was connected. What is no failure of ours that we know is passed on. */
export function explain(response: ServerResponse, error: unknown): void {
  if (!(error instanceof ComposerError) || error.status === 500 || response.headersSent) throw error;
  if (error.retryAfter !== undefined) response.setHeader('retry-after', String(error.retryAfter));
  const body = html`<p>${error.message}.</p>
    <p>Nothing was changed. You can close this page.</p>
    <p>Error: <code>${error.code}</code></p>`;
  sendPage(response, { title: 'Not connected', status: error.status, body });
}
