import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { noteDiscarded } from './discarded-reads.js';
import { EgressBadAnswerError, EgressTooLargeError } from './egress.errors.js';

/**
 * Collects the body of one answer and counts it after decoding: 200 kB of gzip can be 200 MB of body. The wire is
 * counted too, so that what waits for the decoder is bounded.
 *
 * The owner stops the connection when `done` rejects, and calls `fail` when the connection breaks.
 */
export class AnswerBody {
  /** The whole decoded body, or the first fault: `EgressTooLargeError`, `EgressBadAnswerError`, or that of `fail`. */
  readonly done: Promise<Buffer>;

  private readonly chunks: Buffer[] = [];
  private received = 0;
  private decoded = 0;
  private decoder: Transform | undefined;
  private isSettled = false;
  private resolve!: (body: Buffer) => void;
  private reject!: (error: Error) => void;

  /** @param coding the `content-encoding` of the answer; we asked for none, but servers send it anyway */
  constructor(
    private readonly coding: string,
    private readonly maxBytes: number,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  write(chunk: Buffer): void {
    if (this.isSettled) return;
    this.received += chunk.length;
    if (this.received > this.maxBytes) return this.fail(new EgressTooLargeError(this.maxBytes));
    if (isIdentity(this.coding)) return this.keep(chunk);

    this.decoder ??= this.open(chunk);
    this.decoder?.write(chunk);
  }

  end(): void {
    if (this.isSettled) return;
    if (this.decoder) this.decoder.end();
    else this.finish();
  }

  fail(error: Error): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.decoder?.destroy();
    this.chunks.length = 0;
    noteDiscarded(this.decoder ? this.received + this.decoded : this.received);
    this.reject(error);
  }

  private open(first: Buffer): Transform | undefined {
    const decoder = decoderFor(this.coding.trim().toLowerCase(), first);
    if (!decoder) {
      this.fail(new EgressBadAnswerError('it is in a coding that was not asked for'));
      return undefined;
    }
    decoder.on('data', (piece: Buffer) => this.keep(piece));
    decoder.once('end', () => this.finish());
    decoder.once('error', (cause) => this.fail(new EgressBadAnswerError('its compressed body is damaged', cause)));
    return decoder;
  }

  private keep(piece: Buffer): void {
    if (this.isSettled) return;
    this.decoded += piece.length;
    if (this.decoded > this.maxBytes) return this.fail(new EgressTooLargeError(this.maxBytes));
    this.chunks.push(piece);
  }

  private finish(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.resolve(this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks));
  }
}

function isIdentity(coding: string): boolean {
  return coding === '' || coding.trim().toLowerCase() === 'identity';
}

function decoderFor(coding: string, first: Buffer): Transform | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'br':
      return createBrotliDecompress();
    case 'deflate':
      // RFC 9110 section 8.4.1.2 means zlib (its first byte ends in 8); servers also send bare deflate.
      return ((first[0] ?? 0) & 0x0f) === 8 ? createInflate() : createInflateRaw();
    default:
      return undefined;
  }
}
