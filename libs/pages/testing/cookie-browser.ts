/** As much of a browser as a sign-in needs: cookies by path, and redirects one at a time. */
export class CookieBrowser {
  private readonly cookies = new Map<
    string,
    { readonly value: string; readonly path: string; readonly host: string }
  >();

  async ask(url: string, form?: Record<string, string>, headers: Record<string, string> = {}): Promise<BrowserAnswer> {
    const { host, pathname, origin } = new URL(url);
    const cookie = [...this.cookies]
      .filter(([, held]) => held.host === host && isBelow(pathname, held.path))
      .map(([key, { value }]) => `${key.split(' ')[2]!}=${value}`)
      .join('; ');
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { accept: 'text/html', ...(cookie ? { cookie } : {}), ...(form ? { origin } : {}), ...headers },
      ...(form ? { method: 'POST', body: new URLSearchParams(form) } : {}),
    });
    for (const line of answer.headers.getSetCookie()) this.keep(host, line);
    const text = await answer.text();
    const next = answer.headers.get('location') ?? /http-equiv="refresh" content="0;url=([^"]+)"/.exec(text)?.[1];
    return {
      url,
      status: answer.status,
      headers: answer.headers,
      text,
      ...(next === undefined || next === null ? {} : { next: new URL(next.replaceAll('&amp;', '&'), url).href }),
    };
  }

  /** Follows what it is sent to, until it is sent nowhere or `stop` says so. */
  async follow(url: string, stop: (url: string) => boolean = () => false): Promise<BrowserAnswer> {
    let answer = await this.ask(url);
    for (let hops = 0; answer.next !== undefined && !stop(answer.next); hops += 1) {
      if (hops > 20) throw new Error(`goes round in circles at ${answer.url}`);
      answer = await this.ask(answer.next);
    }
    return answer;
  }

  /** The form of a page, filled in. */
  async submit(page: BrowserAnswer, decision: string, more: Record<string, string> = {}): Promise<BrowserAnswer> {
    const action = (/<form method="post" action="([^"]+)"/.exec(page.text)?.[1] ?? '').replaceAll('&amp;', '&');
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    return this.ask(new URL(action, page.url).href, { csrf, decision, ...more });
  }

  /** Of the cookies of these names. */
  valuesOf(name: RegExp): string[] {
    return [...this.cookies].filter(([key]) => name.test(key.split(' ')[2]!)).map(([, { value }]) => value);
  }

  private keep(host: string, line: string): void {
    const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
    const [name, ...rest] = pair.split('=');
    const path = attributes.find((one) => /^path=/i.test(one))?.slice(5) ?? '/';
    const key = `${host} ${path} ${name}`;
    const isOver = attributes.some((one) => /^max-age=0$/i.test(one) || /^expires=Thu, 01 Jan 1970/i.test(one));
    if (isOver) this.cookies.delete(key);
    else this.cookies.set(key, { value: rest.join('='), path, host });
  }
}

export interface BrowserAnswer {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Where it is sent on to. */
  readonly next?: string;
}

/** RFC 6265, 5.1.4. */
const isBelow = (path: string, cookiePath: string): boolean =>
  path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`);
