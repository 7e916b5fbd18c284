import type { Era } from '../member.js';
import { RestartRest } from './restart-rest.js';

/** What all processes of one member have in common. */
export class StdioHabits {
  /** None of them is started before it is over. */
  readonly rest = new RestartRest();
  /** What the last one spoke, and the next one is taken to speak. */
  era: Era | undefined;
  /** One ended when it was asked for the modern era: some do that to whoever does not begin with a handshake. */
  wantsHandshake = false;
  private lastId = 0;

  /** An id that no other request to any of them has. */
  nextId(): number {
    return ++this.lastId;
  }
}
