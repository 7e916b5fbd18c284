import type { Readable, Writable } from 'node:stream';
import { LineReader } from '#builder';
import type { Log } from '#observability';
import { MessageOutput } from './message-output.js';
import { StdioBridge, type StdioBridgeParts } from './stdio-bridge.js';

export interface StdioServerParts extends Omit<StdioBridgeParts, 'write'> {
  readonly input: Readable;
  readonly output: Writable;
  /** Ends it at once. */
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** What is under way when the client has said its last may still be answered. */
const DRAIN_MS = 10_000;

/**
 * Serves one client over stdio until its input ends, until it reads no more, or until it is told to stop. What the client
 * has asked before the end of its input is answered, within bounds.
 */
export async function serveStdio(parts: StdioServerParts): Promise<void> {
  const { input, output, signal, log } = parts;
  const messages = new MessageOutput(output);
  const bridge = new StdioBridge({ ...parts, write: (message) => messages.write(message) });
  const stopped = new Promise<void>((resolve) => {
    const stop = () => {
      input.destroy();
      resolve();
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
    // A client that reads no more has gone.
    output.on('error', stop).on('close', stop);
  });
  await Promise.race([stopped, read(input, bridge).catch((error: unknown) => log.warn('stdin broke', { err: error }))]);
  await Promise.race([stopped, bridge.drained(), after(DRAIN_MS)]);
  await bridge.end();
}

async function read(input: Readable, bridge: StdioBridge): Promise<void> {
  const reader = new LineReader();
  for await (const chunk of input as AsyncIterable<Buffer>) {
    for (const line of reader.push(chunk)) if (!isBlank(line)) await bridge.receive(line);
  }
}

/** A line end of two characters leaves one of them. */
const isBlank = (line: Buffer): boolean => line.toString('latin1').trim() === '';

const after = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref());
