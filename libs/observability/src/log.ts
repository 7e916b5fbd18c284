import { Injectable, type LoggerService } from '@nestjs/common';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { ObservabilityConfig } from './observability.config.js';
import type { SecretValues } from './secret-values.js';

export type LogFields = Readonly<Record<string, unknown>>;

/**
 * One event, one line: a fixed text and fields. Lines go to stderr; stdout carries the ready line alone.
 * Known secret values are masked in every line, at every level.
 */
@Injectable()
export class Log implements LoggerService {
  private constructor(
    private readonly pino: Logger,
    private readonly secrets: SecretValues,
  ) {}

  /** @param write receives whole lines; stderr unless given. */
  static open(config: ObservabilityConfig, secrets: SecretValues, write: (line: string) => void = toStderr): Log {
    const line = config.format === 'pretty' ? pretty : (text: string) => text;
    const destination: DestinationStream = { write: (text) => write(line(masked(text, secrets))) };
    const options = {
      level: config.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
      serializers: { err: errorFields },
    };
    return new Log(pino(options, destination), secrets);
  }

  /** A log whose lines all carry `fields`. */
  with(fields: LogFields): Log {
    return new Log(this.pino.child(fields), this.secrets);
  }

  /** Text of others, such as what a member answered, with known secrets masked: fit to be shown to people. */
  mask(text: string): string {
    return this.secrets.mask(text);
  }

  /** Wakes a person. */
  error(message: unknown, ...rest: unknown[]): void {
    this.put('error', message, rest);
  }

  /** Handled, but odd. */
  warn(message: unknown, ...rest: unknown[]): void {
    this.put('warn', message, rest);
  }

  /** A change of state. */
  info(message: string, fields: LogFields = {}): void {
    this.pino.info(fields, message);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.put('debug', message, rest);
  }

  /** Nest's own start-up chatter, which is for us and not for operators. */
  log(message: unknown, ...rest: unknown[]): void {
    this.put('debug', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.put('fatal', message, rest);
  }

  private put(level: 'fatal' | 'error' | 'warn' | 'debug', message: unknown, [first, ...rest]: unknown[]): void {
    const fields = isFields(first) ? first : nestFields(first, rest);
    if (message instanceof Error) this.pino[level]({ ...fields, err: message }, message.message);
    else this.pino[level](fields, String(message));
  }
}

function isFields(value: unknown): value is LogFields {
  return typeof value === 'object' && value !== null && !(value instanceof Error);
}

/** Nest calls its logger with a stack and a context, or with a context alone. */
function nestFields(first: unknown, rest: unknown[]): LogFields {
  if (first instanceof Error) return { err: first };
  const texts = [first, ...rest].filter((value) => typeof value === 'string');
  const context = texts.at(-1);
  return context === undefined ? {} : texts.length > 1 ? { context, stack: texts[0] } : { context };
}

/** Name, code, message and stack of an error and its causes: never its other properties, which may be a request. */
function errorFields(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: error.message,
    ...(depth === 0 ? { stack: error.stack } : {}),
    ...(error.cause !== undefined && depth < 3 ? { cause: errorFields(error.cause, depth + 1) } : {}),
  };
}

/** Masks inside the strings of a line alone, so that no secret, whatever its text, can break the line's JSON. */
function masked(text: string, secrets: SecretValues): string {
  const inStrings = (_key: string, value: unknown): unknown =>
    typeof value === 'string' ? secrets.mask(value) : value;
  return secrets.mask(text) === text ? text : `${JSON.stringify(JSON.parse(text), inStrings)}\n`;
}

function toStderr(line: string): void {
  process.stderr.write(line, () => undefined);
}

function pretty(text: string): string {
  const { level, time, msg, ...fields } = JSON.parse(text) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${onOneLine(value)}`);
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${onOneLine(msg)}${rest.join('')}\n`;
}

/** Text with line ends or control characters could pass for further lines, or steer the terminal. */
function onOneLine(value: unknown): string {
  const text = typeof value === 'string' ? value : String(JSON.stringify(value));
  return text.replace(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
