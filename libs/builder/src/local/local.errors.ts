import { ComposerError, type Fault } from '#kernel';

/** A prompt or a tool of a local server cannot be made of its texts. Names every fault, and repeats no text. */
export class LocalServerError extends ComposerError {
  constructor(faults: readonly Fault[], cause?: unknown) {
    const list = faults.map(({ path, message }) => `${path} ${message}`).join('; ');
    super('COMPOSER_LOCAL_SERVER_INVALID', `the local server is refused: ${list}`, { status: 422, faults, cause });
  }
}

/** The file of prompts could not be had. */
export class PromptFileError extends ComposerError {
  constructor(message: string, cause?: unknown) {
    super('COMPOSER_PROMPTS_UNAVAILABLE', `prompt_path ${message}`, {
      status: 422,
      faults: [{ path: 'prompt_path', message }],
      cause,
    });
  }
}

/** The arguments of a prompt do not fit it. Names the arguments, and repeats no value. */
export class PromptArgumentsError extends ComposerError {
  constructor(faults: readonly Fault[]) {
    const list = faults.map(({ path, message }) => `${path} ${message}`).join('; ');
    super('COMPOSER_PROMPT_ARGUMENTS', `Invalid params: ${list}`, { status: 422, faults });
  }
}
