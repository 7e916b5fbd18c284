const MOST_HOPS = 20;
const STEP_MS = 15_000;

/** As much of a browser as it takes to connect a member: cookies of one host, forms, redirects one at a time. */
export class Browser {
  #cookies = new Map();

  /** Follows redirects and agrees where a form asks, until a page is left that wants nothing. */
  async connect(address) {
    let page = await this.#ask(address);
    for (let hops = 0; hops < MOST_HOPS; hops++) {
      if (page.next) page = await this.#ask(page.next);
      else if (page.form) page = await this.#ask(page.form.action, { csrf: page.form.csrf, decision: 'allow' });
      else if (page.status === 200) return;
      else throw new Error(`${new URL(page.url).pathname} answered ${page.status}: ${plainText(page.text)}`);
    }
    throw new Error('the pages go round in circles');
  }

  async #ask(url, form) {
    const { host, origin } = new URL(url);
    const cookie = [...(this.#cookies.get(host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(STEP_MS),
      headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...(form ? { origin } : {}) },
      ...(form ? { method: 'POST', body: new globalThis.URLSearchParams(form) } : {}),
    });
    for (const line of answer.headers.getSetCookie()) this.#keep(host, line);
    const text = await answer.text();
    const next = answer.headers.get('location') ?? /http-equiv="refresh" content="0;url=([^"]+)"/.exec(text)?.[1];
    return {
      url,
      status: answer.status,
      text,
      ...(next ? { next: resolved(next, url) } : {}),
      form: formOf(text, url),
    };
  }

  #keep(host, line) {
    const [pair] = line.split(';');
    const at = pair.indexOf('=');
    if (!this.#cookies.has(host)) this.#cookies.set(host, new Map());
    this.#cookies.get(host).set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
}

const resolved = (address, base) => new URL(address.replaceAll('&amp;', '&'), base).href;

function formOf(text, url) {
  const action = /<form method="post" action="([^"]+)"/.exec(text)?.[1];
  const csrf = /name="csrf" value="([^"]+)"/.exec(text)?.[1];
  return action && csrf ? { action: resolved(action, url), csrf } : undefined;
}

const plainText = (page) =>
  page
    .replace(/<(style|head)[\s\S]*?<\/\1>|<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
