import { parseUrl } from '#kernel';
import { ConsentBrokenError } from './consent.errors.js';

/**
 * A browser follows whatever it is told, `javascript:` and its kin included. Whether http will do is judged by the flow.
 * @throws ConsentBrokenError
 */
export function mustBeWebAddress(text: string): void {
  const url = parseUrl(text);
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return;
  throw new ConsentBrokenError('the authorization server of this member has no page for people');
}
