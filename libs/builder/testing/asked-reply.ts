import type { ClientAnswer, MemberQuestion } from '../src/asked-client.js';
import { RecordingReply } from './recording-reply.js';

/** A reply whose caller answers when the test says so. */
export class AskedReply extends RecordingReply {
  readonly takers: ((answer: ClientAnswer) => void)[] = [];
  withdrawn = 0;
  override asker = (_: MemberQuestion, take: (answer: ClientAnswer) => void): (() => void) | undefined => {
    this.takers.push(take);
    return () => void this.withdrawn++;
  };

  /** Answers a question with this result, as JSON. */
  tell(result: object, question = 0): void {
    this.takers[question]!({ result: Buffer.from(JSON.stringify(result)) });
  }
}
