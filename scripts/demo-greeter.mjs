// `node scripts/demo-greeter.mjs`: a REST service to try the composer with, until Ctrl-C. It wants the credential
// `Authorization: Bearer open-sesame` and answers 401 to everybody else. `PORT` chooses another port than 9100.
import { startGreeter } from './demo/greeter.mjs';

const WANTED = 'Bearer open-sesame';

try {
  const port = Number(process.env.PORT || 9100);
  const { url } = await startGreeter(({ headers }) => headers.authorization === WANTED, { port });
  process.stdout.write(`greeter listening on ${url}, described at ${url}/openapi.json; it wants ${WANTED}\n`);
} catch (error) {
  process.stderr.write(`the greeter cannot start: ${error.message}; set PORT to a free port\n`);
  process.exitCode = 1;
}
