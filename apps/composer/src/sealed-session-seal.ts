import { SessionSeal } from '#gateway';
import { HandleSealer } from '#persistence';
import { Injectable } from '@nestjs/common';

const PURPOSE = 'mcp-session';

/** Session ids under a key that only the key ring gives. */
@Injectable()
export class SealedSessionSeal extends SessionSeal {
  constructor(private readonly handles: HandleSealer) {
    super();
  }

  override seal(content: string): string {
    return this.handles.seal(PURPOSE, content);
  }

  override open(sealed: string): string | undefined {
    return this.handles.open(PURPOSE, sealed);
  }
}
