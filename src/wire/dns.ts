// DNS messages: RFC 1035 section 4.1, with EDNS(0) (RFC 6891), SRV (RFC 2782), AAAA (RFC 3596) and the length field of
// DNS over TCP (RFC 7766 section 8).
//
//      0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15
//    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//    |                      ID                       |
//    |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
//    |                    QDCOUNT                    |
//    |                    ANCOUNT                    |
//    |                    NSCOUNT                    |
//    |                    ARCOUNT                    |
//    +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
//
// `at` is always the first octet of the message (over TCP: after its length field), `end` one past its last captured octet.
import { struct, u16, u32 } from './layout.js';
import { problemNumber } from './problems.js';

export const DnsHeader = struct([
  u16('id'),
  u16('flags'),
  u16('questions'),
  u16('answers'),
  u16('authorities'),
  u16('additionals'),
]);

/** The fixed part of a resource record, after its name (RFC 1035 section 4.1.3). */
export const DnsRecordFixed = struct([u16('type'), u16('class'), u32('ttl'), u16('dataLength')]);

const ID = DnsHeader.offsetOf('id');
const FLAGS = DnsHeader.offsetOf('flags');
const QUESTIONS = DnsHeader.offsetOf('questions');
const ANSWERS = DnsHeader.offsetOf('answers');
const AUTHORITIES = DnsHeader.offsetOf('authorities');
const ADDITIONALS = DnsHeader.offsetOf('additionals');
export const DNS_HEADER_LENGTH = DnsHeader.span;

const RECORD_TYPE = DnsRecordFixed.offsetOf('type');
const RECORD_CLASS = DnsRecordFixed.offsetOf('class');
const RECORD_TTL = DnsRecordFixed.offsetOf('ttl');
const RECORD_DATA_LENGTH = DnsRecordFixed.offsetOf('dataLength');
const RECORD_FIXED_LENGTH = DnsRecordFixed.span;

/** Type and class of a question, after its name (RFC 1035 section 4.1.2). */
const QUESTION_FIXED_LENGTH = 4;

/** Length field before each message over TCP. */
export const DNS_TCP_LENGTH = 2;

const QR = 0x8000;
const OPCODE_SHIFT = 11;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const Z = 0x0040;
const AD = 0x0020;
const CD = 0x0010;

/** RFC 1035 section 2.3.4: a name, its length octets included. */
const MAX_NAME = 255;
const MAX_LABEL = 63;
const POINTER = 0xc0;
/** A name of 255 octets has at most 127 labels, and a pointer that adds none is of no use. */
const MAX_POINTERS = 127;

/** Records (and questions) read in one message: an A record takes 16 octets, so 16 KiB of answers fit. */
export const DNS_MAX_RECORDS = 1024;

const TRUNCATED = problemNumber('dns-truncated');
const LABEL = problemNumber('dns-label');
const POINTER_LOOP = problemNumber('dns-pointer-loop');
const COUNT = problemNumber('dns-count');

export const DnsType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
} as const;

/** -1 when the header is there, so that every accessor below is in bounds; else the number of a problem. */
export function checkDns(_view: DataView, at: number, end: number): number {
  return end - at < DNS_HEADER_LENGTH ? TRUNCATED : -1;
}

export function dnsId(view: DataView, at: number): number {
  return view.getUint16(at + ID);
}

export function dnsFlags(view: DataView, at: number): number {
  return view.getUint16(at + FLAGS);
}

export function dnsIsResponse(view: DataView, at: number): boolean {
  return (view.getUint16(at + FLAGS) & QR) !== 0;
}

export function dnsOpcode(view: DataView, at: number): number {
  return (view.getUint16(at + FLAGS) >>> OPCODE_SHIFT) & 0xf;
}

export function dnsAuthoritative(view: DataView, at: number): boolean {
  return (view.getUint16(at + FLAGS) & AA) !== 0;
}

export function dnsTruncated(view: DataView, at: number): boolean {
  return (view.getUint16(at + FLAGS) & TC) !== 0;
}

export function dnsRecursionDesired(view: DataView, at: number): boolean {
  return (view.getUint16(at + FLAGS) & RD) !== 0;
}

export function dnsRecursionAvailable(view: DataView, at: number): boolean {
  return (view.getUint16(at + FLAGS) & RA) !== 0;
}

export function dnsReservedFlag(view: DataView, at: number): boolean {
  return (view.getUint16(at + FLAGS) & Z) !== 0;
}

/** RFC 4035 section 3.2.3. */
export function dnsAuthenticData(view: DataView, at: number): boolean {
  return (view.getUint16(at + FLAGS) & AD) !== 0;
}

/** RFC 4035 section 3.2.2. */
export function dnsCheckingDisabled(view: DataView, at: number): boolean {
  return (view.getUint16(at + FLAGS) & CD) !== 0;
}

/** The header's four bits; OPT may carry eight more (dnsExtendedRcode). */
export function dnsRcode(view: DataView, at: number): number {
  return view.getUint16(at + FLAGS) & 0xf;
}

export function dnsQuestionCount(view: DataView, at: number): number {
  return view.getUint16(at + QUESTIONS);
}

export function dnsAnswerCount(view: DataView, at: number): number {
  return view.getUint16(at + ANSWERS);
}

export function dnsAuthorityCount(view: DataView, at: number): number {
  return view.getUint16(at + AUTHORITIES);
}

export function dnsAdditionalCount(view: DataView, at: number): number {
  return view.getUint16(at + ADDITIONALS);
}

/** Offset of the first question's type when its name is plain and captured with its type; else -1. */
function questionTypeAt(view: DataView, at: number, end: number): number {
  if (dnsQuestionCount(view, at) === 0) return -1;
  const limit = Math.min(end, at + DNS_HEADER_LENGTH + MAX_NAME);
  let octet = at + DNS_HEADER_LENGTH;
  while (octet < limit) {
    const length = view.getUint8(octet);
    if (length > MAX_LABEL) return -1;
    octet += 1 + length;
    if (length === 0) return octet + 2 <= end ? octet : -1;
  }
  return -1;
}

/**
 * Hash of name (letters of either case are equal) and type of the first question, for pairing queries with responses.
 * 0 when the question is absent, was not captured whole or is not a plain name; never 0 otherwise.
 */
export function dnsQuestionHash(view: DataView, at: number, end: number): number {
  const typeAt = questionTypeAt(view, at, end);
  if (typeAt === -1) return 0;
  let hash = 0x811c9dc5 | 0;
  for (let octet = at + DNS_HEADER_LENGTH; octet < typeAt + 2; octet += 1) {
    let value = view.getUint8(octet);
    // A length octet is below 64 and cannot be taken for a letter; an octet of the type can.
    if (value >= 0x41 && value <= 0x5a && octet < typeAt) value |= 0x20;
    hash = Math.imul(hash ^ value, 0x01000193);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return hash === 0 ? 1 : hash;
}

/** Type of the first question; -1 when dnsQuestionHash would be 0. */
export function dnsQuestionType(view: DataView, at: number, end: number): number {
  const typeAt = questionTypeAt(view, at, end);
  return typeAt === -1 ? -1 : view.getUint16(typeAt);
}

/** What walkName answers for a name that goes on after the captured octets. */
const CUT = -1;

/** What walkName answers for a name with problem `code`; below CUT. */
function refused(code: number): number {
  return -2 - code;
}

/**
 * Steps over a name: the offset after it in its own place, CUT, or refused(code). Appends its labels to `labels` if given.
 * RFC 1035 section 4.1.4: a pointer leads to a *prior* occurrence. Each part of a name must begin before the part that
 * points to it, so that no chain of pointers can come round.
 */
function walkName(view: DataView, nameAt: number, messageAt: number, end: number, labels: string[] | null): number {
  let partAt = nameAt;
  let octet = nameAt;
  let after = -1;
  let nameLength = 0;
  let pointers = 0;
  for (;;) {
    if (octet >= end) return CUT;
    const length = view.getUint8(octet);
    if (length >= POINTER) {
      if (octet + 2 > end) return CUT;
      if (after === -1) after = octet + 2;
      const target = messageAt + (view.getUint16(octet) & 0x3fff);
      if (target >= partAt || ++pointers > MAX_POINTERS) return refused(POINTER_LOOP);
      if (target < messageAt + DNS_HEADER_LENGTH) return refused(LABEL);
      partAt = target;
      octet = target;
      continue;
    }
    if (length > MAX_LABEL) return refused(LABEL);
    nameLength += 1 + length;
    if (nameLength > MAX_NAME) return refused(LABEL);
    if (length === 0) return after === -1 ? octet + 1 : after;
    if (octet + 1 + length > end) return CUT;
    if (labels !== null) labels.push(labelText(view, octet + 1, length));
    octet += 1 + length;
  }
}

/** Octets that are not printable ASCII become \DDD (RFC 1035 section 5.1); a dot stays a dot, as other readers print it. */
function labelText(view: DataView, at: number, length: number): string {
  let text = '';
  for (let octet = at; octet < at + length; octet += 1) {
    const value = view.getUint8(octet);
    if (value === 0x5c) text += '\\\\';
    else if (value < 0x20 || value > 0x7e) text += `\\${value.toString().padStart(3, '0')}`;
    else text += String.fromCharCode(value);
  }
  return text;
}

export interface DnsName {
  /** Without a dot at its end; the root is `.`. Of a name with a problem, or cut, the labels before that place. */
  readonly text: string;
  /** Offset after the name in its own place; -1 when it is cut or has a problem. */
  readonly next: number;
  /** Number of its problem, else -1. */
  readonly problem: number;
}

/** The name at `at` of the message at `messageAt`. */
export function dnsReadName(view: DataView, at: number, messageAt: number, end: number): DnsName {
  const labels: string[] = [];
  const next = walkName(view, at, messageAt, end, labels);
  return {
    text: labels.length === 0 && next >= 0 ? '.' : labels.join('.'),
    next: next >= 0 ? next : -1,
    problem: next < CUT ? -2 - next : -1,
  };
}

/** A problem's number and the offset in the message of what shows it, in one integer. */
function problemAt(code: number, offset: number): number {
  return (offset << 8) | code;
}

/**
 * Walks the whole message: -1 when nothing in it is wrong, else `offset << 8 | number of the problem`, the offset counted
 * from the start of the message. `announcedEnd` is where the message ends by what carries it; octets that it announces
 * and that were not captured are no problem.
 */
export function dnsProblem(view: DataView, at: number, end: number, announcedEnd: number): number {
  const cut = end < announcedEnd;
  if (checkDns(view, at, end) !== -1) return cut ? -1 : problemAt(TRUNCATED, 0);

  let octet = at + DNS_HEADER_LENGTH;
  let budget = DNS_MAX_RECORDS;
  for (let countAt = QUESTIONS; countAt <= ADDITIONALS; countAt += 2) {
    for (let left = view.getUint16(at + countAt); left > 0; left -= 1) {
      if (budget-- === 0) return -1;
      if (octet >= end) return cut ? -1 : problemAt(COUNT, countAt);
      const fixedAt = walkName(view, octet, at, end, null);
      if (fixedAt < CUT) return problemAt(-2 - fixedAt, octet - at);
      const fixedEnd = fixedAt + (countAt === QUESTIONS ? QUESTION_FIXED_LENGTH : RECORD_FIXED_LENGTH);
      if (fixedAt === CUT || fixedEnd > end) return cut ? -1 : problemAt(TRUNCATED, octet - at);
      octet = fixedEnd;
      if (countAt === QUESTIONS) continue;

      octet += view.getUint16(fixedAt + RECORD_DATA_LENGTH);
      if (octet > announcedEnd) return problemAt(TRUNCATED, fixedAt + RECORD_DATA_LENGTH - at);
      if (octet > end) return -1;
      const problem = dataProblem(view, fixedAt, octet, at);
      if (problem !== -1) return problem;
    }
  }
  return -1;
}

/** Data that is shorter than its type needs, or a name in it that is wrong. Only class IN says what A and the rest hold. */
function dataProblem(view: DataView, fixedAt: number, dataEnd: number, messageAt: number): number {
  // OPT has a size where others have their class
  if (view.getUint16(fixedAt + RECORD_TYPE) === DnsType.OPT) {
    const isSound = partsFill(view, fixedAt + RECORD_FIXED_LENGTH, dataEnd, 4);
    return isSound ? -1 : problemAt(TRUNCATED, fixedAt + RECORD_DATA_LENGTH - messageAt);
  }
  // mDNS uses the uppermost bit of the class (RFC 6762 section 10.2).
  if ((view.getUint16(fixedAt + RECORD_CLASS) & 0x7fff) !== 1) return -1;
  const dataAt = fixedAt + RECORD_FIXED_LENGTH;
  let needed = 0;
  let names = 0;
  let nameAt = dataAt;
  switch (view.getUint16(fixedAt + RECORD_TYPE)) {
    case DnsType.A:
      needed = 4;
      break;
    case DnsType.AAAA:
      needed = 16;
      break;
    case DnsType.NS:
    case DnsType.CNAME:
    case DnsType.PTR:
      names = 1;
      break;
    case DnsType.MX:
      names = 1;
      nameAt += MX_EXCHANGE;
      break;
    case DnsType.SRV:
      names = 1;
      nameAt += SRV_TARGET;
      break;
    case DnsType.SOA:
      names = 2;
      needed = SOA_NUMBERS_LENGTH;
      break;
    case DnsType.TXT:
      return partsFill(view, dataAt, dataEnd, 1) ? -1 : problemAt(TRUNCATED, fixedAt + RECORD_DATA_LENGTH - messageAt);
    default:
      return -1;
  }
  for (; names > 0; names -= 1) {
    const next = walkName(view, nameAt, messageAt, dataEnd, null);
    if (next < CUT) return problemAt(-2 - next, nameAt - messageAt);
    if (next === CUT) return problemAt(TRUNCATED, fixedAt + RECORD_DATA_LENGTH - messageAt);
    nameAt = next;
  }
  return nameAt + needed > dataEnd ? problemAt(TRUNCATED, fixedAt + RECORD_DATA_LENGTH - messageAt) : -1;
}

/**
 * Whether data is parts with their lengths before them and nothing else: strings of TXT behind one octet, options of OPT behind
 * four, of which the last two are the length.
 */
function partsFill(view: DataView, from: number, end: number, headerLength: 1 | 4): boolean {
  let at = from;
  while (at + headerLength <= end) {
    at += headerLength + (headerLength === 1 ? view.getUint8(at) : view.getUint16(at + 2));
  }
  return at === end;
}

export interface DnsQuestion {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** The questions, as far as they are captured and sound, at most DNS_MAX_RECORDS. */
export function* dnsQuestions(view: DataView, at: number, end: number): Generator<DnsQuestion> {
  let octet = at + DNS_HEADER_LENGTH;
  const count = Math.min(dnsQuestionCount(view, at), DNS_MAX_RECORDS);
  for (let index = 0; index < count; index += 1) {
    const { text, next } = dnsReadName(view, octet, at, end);
    if (next === -1 || next + QUESTION_FIXED_LENGTH > end) return;
    yield { name: text, type: view.getUint16(next), class: view.getUint16(next + 2) };
    octet = next + QUESTION_FIXED_LENGTH;
  }
}

export type DnsSection = 'answer' | 'authority' | 'additional';

export interface DnsRecord {
  readonly section: DnsSection;
  readonly name: string;
  readonly type: number;
  readonly class: number;
  readonly ttl: number;
  /** As announced. */
  readonly dataLength: number;
  readonly dataAt: number;
  /** One past the last captured octet of the data. */
  readonly dataEnd: number;
}

const SECTIONS: readonly (readonly [DnsSection, number])[] = [
  ['answer', ANSWERS],
  ['authority', AUTHORITIES],
  ['additional', ADDITIONALS],
];

/** The resource records, as far as they are captured and sound, at most DNS_MAX_RECORDS. */
export function* dnsRecords(view: DataView, at: number, end: number): Generator<DnsRecord> {
  let octet = at + DNS_HEADER_LENGTH;
  let budget = DNS_MAX_RECORDS;
  for (let left = dnsQuestionCount(view, at); left > 0; left -= 1) {
    if (budget-- === 0) return;
    octet = walkName(view, octet, at, end, null) + QUESTION_FIXED_LENGTH;
    if (octet < at || octet > end) return;
  }
  for (const [section, countAt] of SECTIONS) {
    for (let left = view.getUint16(at + countAt); left > 0; left -= 1) {
      if (budget-- === 0) return;
      const { text, next } = dnsReadName(view, octet, at, end);
      const dataAt = next + RECORD_FIXED_LENGTH;
      if (next === -1 || dataAt > end) return;
      const dataLength = view.getUint16(next + RECORD_DATA_LENGTH);
      octet = dataAt + dataLength;
      yield {
        section,
        name: text,
        type: view.getUint16(next + RECORD_TYPE),
        class: view.getUint16(next + RECORD_CLASS),
        ttl: view.getUint32(next + RECORD_TTL),
        dataLength,
        dataAt,
        dataEnd: Math.min(octet, end),
      };
    }
  }
}

/** RFC 1035 section 3.3.9: the preference comes first. */
export const MX_EXCHANGE = 2;

/** RFC 2782. */
export const DnsSrvFixed = struct([u16('priority'), u16('weight'), u16('port')]);
export const SRV_TARGET = DnsSrvFixed.span;

/** RFC 1035 section 3.3.13: what follows the two names. */
export const DnsSoaNumbers = struct([u32('serial'), u32('refresh'), u32('retry'), u32('expire'), u32('minimum')]);
const SOA_NUMBERS_LENGTH = DnsSoaNumbers.span;

/** Character strings of a TXT record (RFC 1035 section 3.3.14), as offset and length, those captured whole. */
export function* dnsTextStrings(view: DataView, record: DnsRecord): Generator<{ at: number; length: number }> {
  let octet = record.dataAt;
  while (octet < record.dataEnd) {
    const length = view.getUint8(octet);
    if (octet + 1 + length > record.dataEnd) return;
    yield { at: octet + 1, length };
    octet += 1 + length;
  }
}

/** Options of an OPT record (RFC 6891 section 6.1.2), those captured whole. */
export function* dnsOptions(
  view: DataView,
  record: DnsRecord,
): Generator<{ code: number; at: number; length: number }> {
  let octet = record.dataAt;
  while (octet + 4 <= record.dataEnd) {
    const length = view.getUint16(octet + 2);
    if (octet + 4 + length > record.dataEnd) return;
    yield { code: view.getUint16(octet), at: octet + 4, length };
    octet += 4 + length;
  }
}

/** Largest UDP answer the sender takes; OPT keeps it in the class (RFC 6891 section 6.1.2). */
export function dnsOptUdpSize(record: DnsRecord): number {
  return record.class;
}

/** Upper eight of the twelve bits of the response code (RFC 6891 section 6.1.3). */
export function dnsOptRcode(record: DnsRecord): number {
  return record.ttl >>> 24;
}

export function dnsOptVersion(record: DnsRecord): number {
  return (record.ttl >>> 16) & 0xff;
}

/** DO: the sender takes DNSSEC records (RFC 3225). */
export function dnsOptDnssec(record: DnsRecord): boolean {
  return (record.ttl & 0x8000) !== 0;
}

/**
 * Over TCP: whether a message with its length field seems to begin at `at`, and not the middle of one. A segment can begin
 * anywhere in the stream; what follows would read as nonsense.
 */
export function dnsTcpBegins(view: DataView, at: number, end: number): boolean {
  const messageAt = at + DNS_TCP_LENGTH;
  if (end - messageAt < DNS_HEADER_LENGTH || view.getUint16(at) < DNS_HEADER_LENGTH) return false;
  if (dnsOpcode(view, messageAt) > 6 || dnsReservedFlag(view, messageAt)) return false;
  // Messages of a zone transfer after the first may leave the question out (RFC 5936 section 2.2.1).
  if (dnsQuestionCount(view, messageAt) === 0) return dnsIsResponse(view, messageAt);
  if (dnsQuestionCount(view, messageAt) !== 1) return false;
  const fixedAt = walkName(view, messageAt + DNS_HEADER_LENGTH, messageAt, end, null);
  if (fixedAt < 0 || fixedAt + QUESTION_FIXED_LENGTH > end) return fixedAt >= CUT;
  return isClass(view.getUint16(fixedAt + 2));
}

/** IN, CH, HS, NONE and ANY: all classes there are (IANA "DNS CLASSes"). */
function isClass(value: number): boolean {
  return value === 1 || value === 3 || value === 4 || value === 254 || value === 255;
}

/** Over TCP: where the message whose length field is at `at` ends, as announced. `at` must have two captured octets. */
export function dnsTcpEnd(view: DataView, at: number): number {
  return at + DNS_TCP_LENGTH + view.getUint16(at);
}
