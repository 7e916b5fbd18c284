import { SessionSeal } from '../src/sessions/session-seal.js';

/** Seals by writing the text in another way. What it did not write so, it does not open. */
export class TurningSeal extends SessionSeal {
  override seal(content: string): string {
    return `s.${Buffer.from(content).toString('base64url')}`;
  }

  override open(sealed: string): string | undefined {
    const text = Buffer.from(sealed.slice(2), 'base64url').toString();
    return sealed === this.seal(text) ? text : undefined;
  }
}
