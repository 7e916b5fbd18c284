import { URL, URLSearchParams } from 'node:url';

const MOST_HOPS = 20;
const DEADLINE_MS = 10_000;

/** A person with a browser, as far as it takes: cookies, redirects one at a time, and forms. */
export class Person {
  #cookies = new Map();

  /** Opens the link that a client shows, agrees, signs in where that is asked, and gives the last page. */
  async connect(link) {
    let page = await this.#open(link);
    for (let forms = 0; /<form /.test(page.text) && forms < 3; forms += 1) page = await this.#agree(page);
    return page.text;
  }

  /** Every field as it stands, and the button that says yes. */
  #agree({ url, text }) {
    const action = /<form [^>]*action="([^"]*)"/.exec(text)?.[1] ?? '';
    const fields = [...text.matchAll(/<input [^>]*name="([^"]+)" value="([^"]*)"/g)].map(([, ...field]) => field);
    const form = new URLSearchParams([...fields, ['decision', 'allow']]);
    return this.#open(new URL(action.replaceAll('&amp;', '&'), url).href, form);
  }

  async #open(start, form) {
    let url = start;
    for (let hops = 0; hops < MOST_HOPS; hops += 1) {
      const answer = await this.#ask(url, hops === 0 ? form : undefined);
      if (answer.next === undefined) return answer;
      url = new URL(answer.next.replaceAll('&amp;', '&'), url).href;
    }
    throw new Error('the pages send in a circle');
  }

  async #ask(url, form) {
    const { host, origin } = new URL(url);
    const cookies = this.#cookies.get(host) ?? new Map();
    this.#cookies.set(host, cookies);
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { accept: 'text/html', ...(cookie && { cookie }), ...(form && { origin }) },
      ...(form && { method: 'POST', body: form }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    const text = await answer.text();
    const next = answer.headers.get('location') ?? /http-equiv="refresh" content="0;url=([^"]+)"/.exec(text)?.[1];
    return { url, text, next };
  }
}
