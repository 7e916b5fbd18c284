import { type Edit, type MemberReply, type Span, applyEdits, scanList, scanObject } from '#builder';
import { PassingReply } from './passing-reply.js';

interface Alias {
  /** The member's own URI, and the one by which the caller knows it. */
  readonly own: string;
  readonly offered: string;
}

/** Gives the caller of a resource under an alias the alias in place of the member's URI, and nothing else. */
export class AliasedReply extends PassingReply {
  /** What is passed on piece by piece cannot be changed. */
  readonly takesPieces = false;

  constructor(
    reply: MemberReply,
    private readonly alias: Alias,
  ) {
    super(reply);
  }

  override message(parts: readonly Buffer[], status?: number): void {
    this.reply.message([renamed(Buffer.concat(parts), this.alias)], status);
  }
}

/** What cannot be read is given as it came. */
function renamed(message: Buffer, alias: Alias): Buffer {
  try {
    return applyEdits(message, editsFor(message, alias));
  } catch {
    return message;
  }
}

/** In the contents of a result, and in the data of an error: there a URI says what was read. */
function editsFor(message: Buffer, { own, offered }: Alias): readonly Edit[] {
  const contents = at(message, ['result', 'contents']);
  const objects = contents && message[contents.start] === 0x5b ? scanList(message, contents.start) : [];
  const data = at(message, ['error', 'data']);
  return [...objects, ...(data ? [data] : [])].flatMap((object) => {
    const uri = member(message, object, 'uri');
    if (!uri || JSON.parse(message.toString('utf8', uri.start, uri.end)) !== own) return [];
    return [{ ...uri, bytes: Buffer.from(JSON.stringify(offered)) }];
  });
}

function at(message: Buffer, path: readonly string[]): Span | undefined {
  return path.reduce<Span | undefined>((object, key) => object && member(message, object, key), {
    start: 0,
    end: message.length,
  });
}

function member(message: Buffer, object: Span, key: string): Span | undefined {
  if (message[object.start] !== 0x7b && object.start !== 0) return undefined;
  let found: Span | undefined;
  scanObject(message, object.start, (name, span) => {
    if (name === key) found = span;
  });
  return found;
}
