/**
 * Compares our rows with what tshark prints, field by field. Both become lists of strings in one form; where the two readers
 * differ on purpose, KNOWN_DIFFERENCES says so, one difference an entry, with its reason.
 */
import { KNOWN_DIFFERENCES, type KnownDifference } from './known-differences.js';
import { LAYERS, ourValues, type OracleFrame, type Row } from './rows.js';

/** A table that tshark printed with `-T fields -E header=y -E separator=/t -E aggregator=|`. */
export function parseTable(text: string): OracleFrame[] {
  const [header = '', ...lines] = text.split('\n').filter((line) => line !== '');
  const names = header.split('\t');
  return lines.map((line) => {
    const cells = line.split('\t');
    return new Map(names.map((name, column) => [name, values(cells[column] ?? '')]));
  });
}

function values(cell: string): string[] {
  return cell === '' ? [] : cell.split('|');
}

/** A field's values in the form that both readers are compared in. */
function normal(field: string, found: readonly string[], from: 'ours' | 'tshark'): string[] {
  if (field === 'frame.protocols') {
    return found.map((protocols) =>
      protocols
        .split(':')
        .filter((name) => LAYERS.has(name))
        .join(':'),
    );
  }
  if (from === 'ours') return [...found];
  const numbers = found.map((value) => (/^0x[0-9a-f]+$/.test(value) ? String(Number(value)) : value));
  // tshark counts in units of eight octets
  if (field === 'ip.frag_offset' || field === 'ipv6.fraghdr.offset') {
    return numbers.map((value) => String(Number(value) * 8));
  }
  if (field.startsWith('dns.') || field.endsWith('.protocols')) return numbers.map(dnsName);
  return numbers;
}

/** tshark writes octets that are not printable in octal, and the root in words. */
function dnsName(value: string): string {
  if (value === '<Root>') return '.';
  return value.replace(/\\([0-7]{3})/g, (_, octal: string) => `\\${String(parseInt(octal, 8)).padStart(3, '0')}`);
}

export interface FieldAgreement {
  /** Frames in which at least one of the two has the field. */
  compared: number;
  explained: number;
  readonly differences: { frame: number; ours: string; theirs: string }[];
}

export class Agreement {
  readonly fields = new Map<string, FieldAgreement>();
  /** How often each known difference explained something. */
  readonly uses = new Map<KnownDifference, number>();
  frames = 0;
  readonly #counts: string[] = [];

  /** Notes a capture in which the two see other numbers of frames. */
  countDifference(file: string, ours: number, theirs: number): void {
    this.#counts.push(`${file}: ${ours} frames, tshark has ${theirs}`);
  }

  /** Compares one frame; both must be of the same number. */
  add(row: Row, oracle: OracleFrame, file: string): void {
    this.frames += 1;
    for (const [field, found] of oracle) {
      const left = normal(field, ourValues(row, field), 'ours');
      const right = normal(field, found, 'tshark');
      if (left.length === 0 && right.length === 0) continue;
      let agreement = this.fields.get(field);
      if (agreement === undefined) this.fields.set(field, (agreement = { compared: 0, explained: 0, differences: [] }));
      agreement.compared += 1;
      if (left.join('|') === right.join('|')) continue;
      const known = KNOWN_DIFFERENCES.find(
        (difference) => difference.fields.test(field) && difference.explains(left, right, row, oracle, field),
      );
      if (known !== undefined) {
        agreement.explained += 1;
        this.uses.set(known, (this.uses.get(known) ?? 0) + 1);
      } else {
        const frame = Number(row['frame.number']);
        agreement.differences.push({ frame, ours: `${file}: ${left.join('|')}`, theirs: right.join('|') });
      }
    }
  }

  get unexplained(): string[] {
    const lines = [...this.fields].flatMap(([field, { differences }]) =>
      differences.map(({ frame, ours, theirs }) => `${field} of frame ${frame}: ours ${ours}, tshark's ${theirs}`),
    );
    return [...this.#counts, ...lines];
  }
}
