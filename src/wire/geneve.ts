// RFC 8926 section 3.4
//
//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +---+-----------+-+-+-----------+-------------------------------+
//  |Ver|  Opt Len  |O|C|    Rsvd.  |          Protocol Type        |
//  +---+-----------+-+-+-----------+-------------------------------+
//  |        Virtual Network Identifier (VNI)       |    Reserved   |
//  +-----------------------------------------------+---------------+
//  |                    Variable-Length Options                    |
import { struct, u16, u24, u8 } from './layout.js';
import { problemNumber } from './problems.js';

export const GeneveHeader = struct([u8('versionLength'), u8('flags'), u16('type'), u24('vni'), u8('reserved')]);

const VERSION_LENGTH = GeneveHeader.offsetOf('versionLength');
const FLAGS = GeneveHeader.offsetOf('flags');
const TYPE = GeneveHeader.offsetOf('type');
const VNI = GeneveHeader.offsetOf('vni');
const LENGTH = GeneveHeader.span;
const OPTION_HEADER_LENGTH = 4;

const TRUNCATED = problemNumber('geneve-truncated');
const VERSION = problemNumber('geneve-version');

/** -1 when the header without its options lies between `at` and `end` and is of version 0, else the number of its problem. */
export function checkGeneve(view: DataView, at: number, end: number): number {
  if (end - at < LENGTH) return TRUNCATED;
  return view.getUint8(at + VERSION_LENGTH) >> 6 === 0 ? -1 : VERSION;
}

/** Octets of the header with its options. */
export function geneveHeaderLength(view: DataView, at: number): number {
  return LENGTH + ((view.getUint8(at + VERSION_LENGTH) & 0x3f) << 2);
}

/** Control packet (0x80), critical options present (0x40). */
export function geneveFlags(view: DataView, at: number): number {
  return view.getUint8(at + FLAGS) & 0xc0;
}

/** EtherType of the payload; 0x6558 is an Ethernet frame. */
export function geneveType(view: DataView, at: number): number {
  return view.getUint16(at + TYPE);
}

export function geneveVni(view: DataView, at: number): number {
  return view.getInt32(at + VNI) >>> 8;
}

/** Offset of the first option that is longer than what the header has left for options, or -1. The header must be captured whole. */
export function geneveBadOptionAt(view: DataView, at: number): number {
  const last = at + geneveHeaderLength(view, at);
  let option = at + LENGTH;
  while (option < last) {
    const next = option + optionLength(view, option);
    if (next > last) return option;
    option = next;
  }
  return -1;
}

/** Octets with the option's own header (RFC 8926 section 3.5.1). */
function optionLength(view: DataView, option: number): number {
  return OPTION_HEADER_LENGTH + ((view.getUint8(option + 3) & 0x1f) << 2);
}

/** The options captured whole, up to one that does not fit (RFC 8926 section 3.5): class, type, octets with their header. */
export function* geneveOptions(
  view: DataView,
  at: number,
  end: number,
): Generator<{ readonly class: number; readonly type: number; readonly length: number }> {
  const last = Math.min(end, at + geneveHeaderLength(view, at));
  for (let option = at + LENGTH; option + OPTION_HEADER_LENGTH <= last;) {
    const length = optionLength(view, option);
    if (option + length > last) return;
    yield { class: view.getUint16(option), type: view.getUint8(option + 2), length };
    option += length;
  }
}
