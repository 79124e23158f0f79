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
