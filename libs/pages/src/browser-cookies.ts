import type { IncomingMessage } from 'node:http';
import { type ListenConfig, listenConfig } from '#config';
import { Inject, Injectable } from '@nestjs/common';

/** Cookies of ours: for this host alone, out of reach of scripts, and over TLS alone wherever there is TLS. */
@Injectable()
export class BrowserCookies {
  constructor(@Inject(listenConfig.KEY) private readonly config: Pick<ListenConfig, 'publicUrl'>) {}

  read({ headers }: Pick<IncomingMessage, 'headers'>, name: string): string | undefined {
    const wanted = `${this.nameOf(name)}=`;
    const found = (headers.cookie ?? '')
      .split(';')
      .map((part) => part.trim())
      .find((part) => part.startsWith(wanted));
    return found?.slice(wanted.length);
  }

  /** The value of a `Set-Cookie` header. `seconds` of 0 removes it. */
  write(name: string, value: string, seconds: number): string {
    // RFC 6265bis, 4.1.3.2: with this prefix no other host and no plain http can have set it.
    const secure = this.isSecure ? '; Secure' : '';
    return `${this.nameOf(name)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
  }

  private nameOf(name: string): string {
    return `${this.isSecure ? '__Host-' : ''}mcpc_${name}`;
  }

  private get isSecure(): boolean {
    return this.config.publicUrl.startsWith('https:');
  }
}
