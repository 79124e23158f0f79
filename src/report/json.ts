// JSON.stringify leaves these as they are, but a terminal obeys C1 controls and reorders text at the marks for direction, and
// a browser takes what follows `<` for HTML where a report is put into a page.
const UNSAFE = /[<\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escaped(json: string): string {
  return json.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** JSON for people, two spaces a level; safe to print on a terminal. */
export function jsonText(value: unknown): string {
  return `${escaped(JSON.stringify(value, null, 2))}\n`;
}

/** JSON in one line, without the line's end; safe to print on a terminal. */
export function jsonLine(value: unknown): string {
  return escaped(JSON.stringify(value));
}

/**
 * The same text with its line's end in pieces, a new one for each element of a list at the top: a report of 65,000 flows is a text
 * of 13 MB, which took three times as much at once.
 */
export function* jsonPieces(value: object, style: 'text' | 'line'): Generator<string> {
  const isText = style === 'text';
  const [margin, inner, colon] = isText ? ['\n  ', '\n    ', ': '] : ['', '', ':'];
  const textOf = (part: unknown, indent: string): string =>
    escaped(isText ? JSON.stringify(part, null, 2).replaceAll('\n', indent) : JSON.stringify(part));
  let before = '{';
  for (const [key, part] of Object.entries(value)) {
    if (part === undefined) continue;
    yield `${before}${margin}${textOf(key, '')}${colon}`;
    before = ',';
    if (!Array.isArray(part) || part.length === 0) {
      yield textOf(part, margin);
      continue;
    }
    for (const [i, element] of part.entries()) yield `${i === 0 ? '[' : ','}${inner}${textOf(element, inner)}`;
    yield `${margin}]`;
  }
  yield before === '{' ? '{}\n' : `${isText ? '\n' : ''}}\n`;
}
