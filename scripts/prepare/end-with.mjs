import { PrepareFailure } from './npm.mjs';

/** Runs a script to its exit code: what it gives, or 2 with one line that says what whoever has typed it can mend. */
export async function endWith(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    const isExpected = error instanceof PrepareFailure || error.code?.startsWith('ERR_PARSE_ARGS');
    process.stderr.write(`${isExpected ? error.message : error.stack}\n`);
    process.exitCode = 2;
  }
}
