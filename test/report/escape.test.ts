import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeText } from '../../src/report/escape.js';
import { runs } from '../support/runs.js';

describe('escapeText', () => {
  it('leaves printable text of any script alone', () => {
    for (const text of ['', 'cni0', 'a b\\c', 'été – 18 h', '北京', 'أهلا', '🙂', '10.0.0.1 > 10.0.0.2: [S.]']) {
      expect(escapeText(text)).toBe(text);
    }
  });

  it('shows control characters, one octet each', () => {
    expect(escapeText('\x1b[31mred\x1b[0m')).toBe('\\x1b[31mred\\x1b[0m');
    expect(escapeText('a\nb\r\tc\0\x7f')).toBe('a\\x0ab\\x0d\\x09c\\x00\\x7f');
    expect(escapeText('\x9b31m')).toBe('\\x9b31m');
  });

  it('shows what turns or hides text', () => {
    expect(escapeText('abc\u202egnp.exe')).toBe('abc\\u{202e}gnp.exe');
    expect(escapeText('\u2066x\u2069\u200f\u061c')).toBe('\\u{2066}x\\u{2069}\\u{200f}\\u{61c}');
    expect(escapeText('a\u200bb\u200d\ufeff\u00ad\u3164\u115f\ufe0f')).toBe(
      'a\\u{200b}b\\u{200d}\\u{feff}\\xad\\u{3164}\\u{115f}\\u{fe0f}',
    );
    expect(escapeText('\u2028\u2029\u00a0\u2003\u2800')).toBe('\\u{2028}\\u{2029}\\xa0\\u{2003}\\u{2800}');
    expect(escapeText('\u{e0041}\u{f0000}\ue000\uffff')).toBe('\\u{e0041}\\u{f0000}\\u{e000}\\u{ffff}');
    expect(escapeText('x\ud800y\udc00')).toBe('x\\u{d800}y\\u{dc00}');
  });

  it('leaves nothing of it in any text, and changes nothing twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const escaped = escapeText(text);
        expect(escaped).not.toMatch(/[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/);
        expect(escapeText(escaped)).toBe(escaped);
      }),
      runs(),
    );
  });
});
