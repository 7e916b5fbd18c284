import type { ServerResponse } from 'node:http';
import { ComposerError } from '#kernel';
import { html, sendPage } from '#pages';

/** Tells a person what has gone wrong. What is no failure of ours that we know is passed on. */
export function explain(response: ServerResponse, error: unknown, back?: string): void {
  if (!(error instanceof ComposerError) || error.status === 500 || response.headersSent) throw error;
  const body = html`<p>${error.message}.</p>
    ${back !== undefined && html`<p><a href="${back}">Back to the application</a></p>`}
    <p>Error: <code>${error.code}</code></p>`;
  sendPage(response, { title: 'You are not signed in', status: error.status, body });
}
