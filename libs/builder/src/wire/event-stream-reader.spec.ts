import { describe, expect, it, jest } from '@jest/globals';
import { costRatio } from '#kernel/testing';
import fc from 'fast-check';
import { EventStreamReader } from './event-stream-reader.js';
import { EmptyEventsError, EventTooLargeError, MAX_EVENT_BYTES } from './wire.errors.js';

const read = (...chunks: string[]) => {
  const reader = new EventStreamReader();
  return chunks.flatMap((chunk) => reader.push(Buffer.from(chunk))).map(String);
};

describe('EventStreamReader', () => {
  it('gives the data of each event, without names, ids and comments', () => {
    expect(read(': hello\n\nevent: message\nid: 1\ndata: {"a":1}\n\ndata:b\n\n')).toEqual(['{"a":1}', 'b']);
  });

  it('joins the lines of one event and ignores events without data', () => {
    expect(read('data: a\ndata: b\n\nid: 7\nretry: 3\n\n')).toEqual(['a\nb']);
    expect(read('id: 1\nretry: 2\ndata:\n\ndata: \n\ndata: a\n\n')).toEqual(['a']);
  });

  it('keeps the last id and the time to wait, also of events without data', () => {
    const marks = (text: string) => {
      const reader = new EventStreamReader();
      reader.push(Buffer.from(text));
      return reader.marks;
    };
    expect(marks('data: a\n\n')).toEqual({});
    expect(marks('id: 7\nretry: 300\ndata: \n\ndata: b\nid: 8\n\nid: 9')).toEqual({ lastEventId: '8', retryMs: 300 });
    expect(marks('id: 7\n\nid:\n\n')).toEqual({});
    expect(marks('id: a\u0001b\nretry: soon\n\n')).toEqual({});
    expect(marks(`id: ${'x'.repeat(2000)}\n\n`)).toEqual({});
  });

  it('takes the last of several names, and an empty one for none', () => {
    const named = (text: string) => new EventStreamReader().pushNamed(Buffer.from(text)).map(({ name }) => name);
    expect(named('event: end\nevent: point\ndata: a\n\nevent: point\nevent:\ndata: b\n\n')).toEqual([
      'point',
      'message',
    ]);
  });

  it('reads the same events whatever the line ends and wherever the stream is cut', () => {
    const texts = fc.array(
      fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[\r\n]/g, ' ')),
      { maxLength: 5 },
    );
    const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
    fc.assert(
      fc.property(texts, lineEnd, fc.array(fc.nat(40), { maxLength: 20 }), (events, end, cuts) => {
        const stream = Buffer.from(
          events.map((text) => `data: ${text}${end}${end}: ${text}${end}${end}`).join('') + `: end${end}`,
        );
        const reader = new EventStreamReader();
        const seen: Buffer[] = [];
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          seen.push(...reader.push(stream.subarray(at, at + cut)));
          at = Math.min(stream.length, at + cut);
        }
        // Looked at when everything has been read: what was given away stays as it was.
        expect(seen.map(String)).toEqual(events.filter(Boolean));
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['\n', '\r'])(
    'reads a large event in small pieces in time that grows with it, its lines ending in %j',
    (end) => {
      const line = `data: ${'x'.repeat(20)}${end}`;
      const read = (size: number) => {
        const event = Buffer.from(line.repeat(Math.floor((size - 1) / line.length)) + end + ':');
        const reader = new EventStreamReader();
        let seen = 0;
        for (let at = 0; at < event.length; at += 50) seen += reader.push(event.subarray(at, at + 50)).length;
        expect(seen).toBe(1);
      };
      // Copying what is held for every piece takes the square of it.
      expect(costRatio(read, [MAX_EVENT_BYTES / 32, MAX_EVENT_BYTES])).toBeLessThan(100);
    },
  );

  it.each([1, 2, 3, 4, 100])(
    'takes a byte order mark at the beginning for none of the stream, %s bytes at a time',
    (size) => {
      const stream = Buffer.from('\ufeffevent: a\ndata: b\n\n\ufeffdata: c\n\n');
      const reader = new EventStreamReader();
      const seen = [];
      for (let at = 0; at < stream.length; at += size) seen.push(...reader.pushNamed(stream.subarray(at, at + size)));
      expect(seen.map(({ name, data }) => [name, String(data)])).toEqual([['a', 'b']]);
      expect(read('\ufeff', 'data: a\n\n')).toEqual(['a']);
    },
  );

  it('gives away data that later pieces leave alone', () => {
    const reader = new EventStreamReader();
    reader.push(Buffer.from('data: on'));
    const [one] = reader.push(Buffer.from('e\n\ndata: tw'));
    reader.push(Buffer.from('o, and much more of it\n\ndata: three'));
    expect(String(one)).toBe('one');
  });

  it('joins very many short lines without a buffer for each', () => {
    const lines = 170_000;
    const text = `${'data:\n'.repeat(lines)}\n`;
    const views = jest.spyOn(Buffer.prototype, 'subarray');
    try {
      expect(read(text).map(({ length }) => length)).toEqual([lines - 1]);
      expect(views.mock.calls.length).toBeGreaterThan(0);
      expect(views.mock.calls.length).toBeLessThan(100);
    } finally {
      views.mockRestore();
    }
  });

  it.each([':\n\n', '\n\n', 'id: 1\n\n', 'data:\n\n', ': ping\r\n\r\n'])(
    'takes as many events without data as keep a stream alive, and no more: %j',
    (event) => {
      expect(read(event.repeat(9_000), 'data: a\n\n')).toEqual(['a']);
      expect(() => read(event.repeat(12_000), 'data: a\n\n')).toThrow(EmptyEventsError);
      expect(() => new EventStreamReader().pushNamed(Buffer.from(event.repeat(12_000)))).toThrow(EmptyEventsError);
    },
  );

  it('tells whether an event has begun, which a comment is not', () => {
    const reader = new EventStreamReader();
    const insides = ['data: a', '\n\n', ': ping\n', '\n', 'd'].map((chunk) => {
      reader.push(Buffer.from(chunk));
      return reader.isInside;
    });
    expect(insides).toEqual([true, false, false, false, true]);
  });

  it('refuses an event without an end', () => {
    expect(() => read(`data: ${'x'.repeat(MAX_EVENT_BYTES)}`)).toThrow(EventTooLargeError);
  });
});
