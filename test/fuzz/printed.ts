/** What must never reach a terminal, written without the library's own list of it. */

/** C0 and C1 controls, DEL, marks that turn the direction of text, line and paragraph separators, invisible characters. */
const ACTIVE = /[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]/;
const ACTIVE_BUT_LINE_END = new RegExp(ACTIVE.source.replace('\\x00-\\x1f', '\\x00-\\x09\\x0b-\\x1f'));
/** In JSON a receiver may not print what is escaped; only what acts on a terminal must be. */
const ACTIVE_IN_JSON = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

function found(text: string, pattern: RegExp): string | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const around = text.slice(Math.max(0, match.index - 40), match.index + 40);
  return `prints U+${match[0].codePointAt(0)!.toString(16)} in ${JSON.stringify(around)}`;
}

/** What one line of text would do to a terminal; null for nothing. */
export function lineFault(text: string): string | null {
  return found(text, ACTIVE);
}

/** The same for text of several lines. */
export function textFault(text: string): string | null {
  return found(text, ACTIVE_BUT_LINE_END);
}

/** The same for one line of JSON. */
export function jsonFault(text: string): string | null {
  return found(text, ACTIVE_IN_JSON);
}
