import { ConsentRefusedError } from '../../auth.errors.js';

/** What was known about the issuer when a person was sent there. */
export interface AskedIssuer {
  readonly issuer: string;
  /** `issuer` is an identifier and not merely an address. */
  readonly isNamed: boolean;
  /** Its metadata says that it names itself in its answers. */
  readonly namesItself: boolean;
}

const WORD = /^[a-z][a-z0-9_]{0,63}$/;

/**
 * The code of an authorization answer (RFC 6749, 4.1.2), once it is certain that it comes from the issuer that was asked
 * (RFC 9207, 2.4): compared as it stands, before anything else of the answer is read, errors included. A code that is
 * somebody else's would be handed to the wrong server.
 * @throws ConsentRefusedError
 */
export function codeOf(answer: URLSearchParams, asked: AskedIssuer): string {
  const issuer = only(answer, 'iss');
  if (issuer === undefined && asked.namesItself) throw new ConsentRefusedError('the answer does not say who gives it');
  if (issuer !== undefined && !asked.isNamed) {
    throw new ConsentRefusedError('the answer names an issuer, and the settings do not: give issuer_url in "auth"');
  }
  if (issuer !== undefined && issuer !== asked.issuer) {
    throw new ConsentRefusedError('the answer is not from the authorization server that was asked');
  }
  const error = only(answer, 'error');
  if (error === 'access_denied') throw new ConsentRefusedError('access was denied there (access_denied)');
  if (error !== undefined) {
    // Its description is text of a stranger, and is not repeated.
    throw new ConsentRefusedError(
      `the authorization server says ${WORD.test(error) ? error : 'no, for no known reason'}`,
    );
  }
  const code = only(answer, 'code');
  if (!code) throw new ConsentRefusedError('the answer holds neither a code nor an error');
  return code;
}

/** RFC 6749, 3.1: parameters must not be given twice. */
function only(answer: URLSearchParams, name: string): string | undefined {
  const values = answer.getAll(name);
  if (values.length > 1) throw new ConsentRefusedError(`the answer gives ${name} more than once`);
  return values[0];
}
