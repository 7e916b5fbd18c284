import { open } from 'node:fs/promises';
import { faultsOf, isObject } from '#kernel';
import { type LocalPrompt, promptFile } from '#registry';
import { parse } from 'yaml';
import { PromptFileError } from './local.errors.js';

const MAX_BYTES = 4 * 1024 * 1024;
const MAX_ALIASES = 50;
/** Of faults that are told: a file that is something else entirely has one in every entry. */
const MAX_FAULTS = 5;

/**
 * The prompts in a file: a list, or an object with `prompts`, in JSON or YAML, as the original reads them.
 *
 * @throws PromptFileError saying what is wrong, and nothing of what stands in the file
 */
export async function readPromptFile(file: string): Promise<readonly LocalPrompt[]> {
  const value = parsed(await textOf(file));
  const list = promptFile.safeParse(isObject(value) ? value['prompts'] : value);
  if (list.success) return list.data;
  const faults = faultsOf(list.error.issues).slice(0, MAX_FAULTS);
  throw new PromptFileError(
    `is no list of prompts: ${faults.map((fault) => `${fault.path} ${fault.message}`).join('; ')}`,
  );
}

async function textOf(file: string): Promise<string> {
  try {
    const handle = await open(file, 'r');
    try {
      const stat = await handle.stat();
      if (!stat.isFile() || stat.size > MAX_BYTES)
        throw new PromptFileError(`is no file of at most ${MAX_BYTES} bytes`);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof PromptFileError) throw error;
    throw new PromptFileError(`could not be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, error);
  }
}

function parsed(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: MAX_ALIASES }) as unknown;
  } catch {
    // A parser's message shows a piece of the text.
    throw new PromptFileError('is neither JSON nor YAML');
  }
}
