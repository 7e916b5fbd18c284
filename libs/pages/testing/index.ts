export { type BrowserAnswer, CookieBrowser } from './cookie-browser.js';
