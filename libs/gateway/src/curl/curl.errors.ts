import { ComposerError } from '#kernel';

const PLACE = 'curl_config.value';

/** A curl command that cannot become a tool. Names options, parameters and fields, and repeats no value. */
export class CurlRefusedError extends ComposerError {
  constructor(why: string) {
    super('COMPOSER_CURL_REFUSED', `the curl command is refused: ${why}`, {
      status: 422,
      faults: [{ path: PLACE, message: why }],
    });
  }
}
