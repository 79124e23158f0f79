import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonLine, jsonPieces, jsonText } from '../../src/report/json.js';
import { runs } from '../support/runs.js';

// C0 and C1 controls, marks that reorder text, line and paragraph separators: nothing of this may reach a terminal as it is.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

it('is safe to print and loses nothing', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('\u009b', '\u202e', '\u2028', '\x1b', '\n', 'ä', '→', 'x') }),
  );
  fc.assert(
    fc.property(fc.dictionary(text, text), (value) => {
      const copy: unknown = { ...value };
      const line = jsonLine(copy);
      expect(line).not.toMatch(UNSAFE);
      expect(JSON.parse(line)).toEqual(copy);
      const lines = jsonText(copy);
      expect(lines.endsWith('\n')).toBe(true);
      expect(lines.replaceAll('\n', '')).not.toMatch(UNSAFE);
      expect(JSON.parse(lines)).toEqual(copy);
    }),
    runs(),
  );
});

it('keeps what is harmless readable', () => {
  expect(jsonLine({ name: 'größe → ✗' })).toBe('{"name":"größe → ✗"}');
});

it('is the same text in pieces', () => {
  const value = fc.dictionary(fc.string(), fc.oneof(fc.array(fc.jsonValue(), { maxLength: 4 }), fc.jsonValue()));
  fc.assert(
    fc.property(value, (value) => {
      expect([...jsonPieces(value, 'line')].join('')).toBe(`${jsonLine(value)}\n`);
      expect([...jsonPieces(value, 'text')].join('')).toBe(jsonText(value));
    }),
    runs(),
  );
});
