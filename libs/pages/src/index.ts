export { BrowserCookies } from './browser-cookies.js';
export { BrowserForms } from './browser-forms.js';
export { Html, html } from './html.js';
export { type Page, pageAnswer, sendOn, sendPage } from './page.js';
export { readBody } from './request-body.js';
