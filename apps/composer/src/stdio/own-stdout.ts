import { Writable } from 'node:stream';

/**
 * Standard output, for messages alone: whatever else of this process writes to it from now on writes to stderr instead,
 * because a client takes every line for a message.
 */
export function ownStdout(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  const own = new Writable({
    decodeStrings: true,
    write: (chunk: Buffer, _encoding, done) => void write(chunk, (error) => done(error)),
  });
  stdout.on('error', (error: Error) => own.destroy(error));
  return own;
}
