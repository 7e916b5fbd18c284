/** What a command answers goes to stdout: one line of JSON, or text for people. Everything else goes to stderr. */
export function print(answer: string | object): void {
  process.stdout.write(`${typeof answer === 'string' ? answer : JSON.stringify(answer)}\n`);
}
