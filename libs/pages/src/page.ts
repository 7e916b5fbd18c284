import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { Html, html } from './html.js';

export interface Page {
  readonly title: string;
  readonly body: Html;
  readonly status?: number;
  /** Where the browser goes on to by itself, in a navigation of its own. */
  readonly next?: string;
}

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 34rem; margin: 10vh auto; padding: 0 1.5rem; }
  h1 { font-size: 1.4rem; line-height: 1.3; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
  dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
  .warning { border-left: .25rem solid #c60; padding-left: 1rem; }
  form { display: flex; gap: 1rem; margin-top: 2rem; }
  button { font: inherit; padding: .6rem 1.4rem; border-radius: .4rem; border: 1px solid currentColor; cursor: pointer; }
  button[value=allow] { background: #0a58ca; border-color: #0a58ca; color: #fff; }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** No script, no frame, nothing from elsewhere; forms go nowhere but here. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': [
    `default-src 'none'`,
    `style-src 'sha256-${STYLE_HASH}'`,
    `form-action 'self'`,
    `frame-ancestors 'none'`,
    `base-uri 'none'`,
  ].join('; '),
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  // `no-referrer` would make browsers send `Origin: null` with the form.
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const;

/** The whole answer of a page that was made here, headers and all. */
export function pageAnswer({ title, body, next }: Page): {
  readonly headers: Record<string, string>;
  readonly text: string;
} {
  const { text } = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        ${next !== undefined && html`<meta http-equiv="refresh" content="0;url=${next}" />`}
        <title>${title}</title>
        <style>
          ${new Html(STYLE)}
        </style>
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html>`;
  return { headers: { ...HEADERS }, text };
}

export function sendPage(response: ServerResponse, page: Page): void {
  const { headers, text } = pageAnswer(page);
  response.writeHead(page.status ?? 200, { ...headers, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/**
 * Browsers hold every redirect that follows a form to the page's `form-action`; where an authorization server may send
 * people nobody here knows. So the way goes on in a navigation of its own.
 */
export function sendOn(response: ServerResponse, next: string): void {
  sendPage(response, { title: 'One moment', next, body: html`<p><a href="${next}">Go on</a></p>` });
}
