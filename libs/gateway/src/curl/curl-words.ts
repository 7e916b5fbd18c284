import { parse } from 'shell-quote';
import { CurlRefusedError } from './curl.errors.js';

/** Longer than any command that a person has written. */
const MAX_CHARS = 64 * 1024;

const MAX_WORDS = 1_000;

type Quote = 'none' | 'single' | 'double' | 'ansi';

/**
 * The words of a command after `curl`, as a shell would give them to it. Nothing is carried out: whatever a shell would
 * compute is refused by name.
 *
 * @throws CurlRefusedError
 */
export function wordsOf(command: string): string[] {
  if (command.length > MAX_CHARS) throw new CurlRefusedError(`it is longer than ${MAX_CHARS} characters`);
  if (command.includes('\0')) throw new CurlRefusedError('it holds a NUL character');
  const entries = parse(onOneLine(command), (name) => ({ op: 'variable', name }));
  const words = entries.map((entry) => {
    if (typeof entry === 'string') return entry;
    throw new CurlRefusedError(`it holds ${nameOf(entry)}; put what is meant literally into single quotes`);
  });
  if (words.length > MAX_WORDS) throw new CurlRefusedError(`it has more than ${MAX_WORDS} words`);
  if (words[0] !== 'curl') throw new CurlRefusedError('its first word must be "curl"');
  return words.slice(1);
}

function nameOf(entry: object): string {
  if ('comment' in entry) return 'a comment ("#" outside of quotes)';
  const { op } = entry as { readonly op: string };
  if (op === 'variable') return 'a variable or a substitution ("$" outside of single quotes)';
  if (op === 'glob') return 'a glob ("*" or "?" outside of quotes)';
  return `the operator ${op} outside of quotes`;
}

/**
 * Joins lines, and refuses what the library would pass over: quotes that do not end, and commands in backquotes. Escapes
 * a `#` within a word, where it begins a comment to the library alone.
 */
function onOneLine(command: string): string {
  let quote: Quote = 'none';
  let line = '';
  let isInWord = false;
  for (let at = 0; at < command.length; at++) {
    const char = command[at]!;
    if (char === '`' && (quote === 'none' || quote === 'double')) {
      throw new CurlRefusedError('it holds a command in backquotes; put what is meant literally into single quotes');
    }
    if (char === '\\' && quote !== 'single') {
      const next = command[at + 1] ?? '';
      const ending = /^\r?\n/.exec(command.slice(at + 1, at + 3))?.[0];
      if (ending !== undefined && quote !== 'ansi') at += ending.length;
      else {
        line += char + next;
        isInWord = true;
        at++;
      }
      continue;
    }
    if (char === '#' && quote === 'none' && isInWord) line += '\\';
    quote = after(char, quote, command[at - 1] === '$');
    isInWord = quote !== 'none' || !/[\s|&;()<>]/.test(char);
    line += quote === 'none' && /[\r\n]/.test(char) ? ' ' : char;
  }
  if (quote !== 'none') throw new CurlRefusedError('a quote in it does not end');
  return line.trim();
}

function after(char: string, quote: Quote, isAnsi: boolean): Quote {
  switch (quote) {
    case 'none':
      if (char === "'") return isAnsi ? 'ansi' : 'single';
      return char === '"' ? 'double' : 'none';
    case 'double':
      return char === '"' ? 'none' : 'double';
    case 'single':
    case 'ansi':
      return char === "'" ? 'none' : quote;
  }
}
