import { createServer } from 'node:http';
import { playScenario } from './play.mjs';

/** Scenes at the same time: the suite, the composer and the clients share the machine, and some scenes measure time. */
const PARALLEL = 4;
/** The suite is taken to have started everything when nothing new has come for so long. */
const QUIET_MS = 3_000;

/**
 * Where the scenarios of the client leg are played: the driver of each passes it on to here. Nothing is played before
 * all are there, because starting them keeps the suite too busy to serve. Keeps what went wrong in front of the
 * composer, since the suite only tells what it has seen behind it.
 */
export async function openStage(composer) {
  const faults = new Map();
  const waiting = [];
  let isOpen = false;
  let expected = 0;
  let playing = 0;
  let quiet;

  const next = () => {
    while (isOpen && playing < PARALLEL && waiting.length > 0) {
      playing++;
      void waiting
        .shift()()
        .finally(() => {
          playing--;
          next();
        });
    }
  };
  const open = () => {
    isOpen = true;
    clearTimeout(quiet);
    next();
  };
  const arrive = (play) => {
    waiting.push(play);
    clearTimeout(quiet);
    if (isOpen || waiting.length >= expected) open();
    else quiet = setTimeout(open, QUIET_MS);
  };

  const server = createServer(async (request, response) => {
    const chunks = await request.toArray();
    const scene = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    arrive(async () => {
      const fault = await playScenario(composer, scene).then(() => undefined, tellingOf);
      if (fault) faults.set(`${scene.revision} ${scene.scenario}`, fault);
      response.writeHead(fault ? 200 : 204).end(fault);
    });
  });
  await new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 512 }, resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Closes the curtain until so many scenes have come. */
    expect(scenes) {
      [isOpen, expected] = [false, scenes];
    },
    faultOf: ({ revision, scenario }) => faults.get(`${revision} ${scenario}`),
    async stop() {
      clearTimeout(quiet);
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

const tellingOf = ({ message, cause }) => (cause ? `${message} (${cause.message ?? cause})` : message);
