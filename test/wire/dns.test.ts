import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkDns,
  DNS_MAX_RECORDS,
  dnsAdditionalCount,
  dnsAnswerCount,
  dnsAuthenticData,
  dnsAuthoritative,
  dnsAuthorityCount,
  dnsCheckingDisabled,
  DnsHeader,
  dnsId,
  dnsIsResponse,
  dnsOpcode,
  dnsOptDnssec,
  dnsOptions,
  dnsOptRcode,
  dnsOptUdpSize,
  dnsOptVersion,
  dnsProblem,
  dnsQuestionCount,
  dnsQuestionHash,
  dnsQuestions,
  dnsQuestionType,
  dnsRcode,
  dnsReadName,
  DnsRecordFixed,
  dnsRecords,
  dnsRecursionAvailable,
  dnsRecursionDesired,
  DnsSoaNumbers,
  DnsSrvFixed,
  dnsTcpBegins,
  dnsTcpEnd,
  dnsTextStrings,
  dnsTruncated,
  SRV_TARGET,
} from '../../src/wire/dns.js';
import { dnsOpcodeName, dnsRcodeName, dnsTypeName } from '../../src/wire/dns-names.js';
import { PROBLEMS } from '../../src/wire/problems.js';
import { runs } from '../support/runs.js';

/** Octets in the middle of a larger buffer, so that an offset that forgets its base is seen. */
function place(hex: string, before = 3): { view: DataView; at: number; end: number } {
  const octets = Buffer.from(hex, 'hex');
  const view = new DataView(new ArrayBuffer(before + octets.length + 40));
  octets.forEach((value, index) => view.setUint8(before + index, value));
  return { view, at: before, end: before + octets.length };
}

function problemOf(hex: string, announcedMore = 0): { code: string; at: number } | null {
  const { view, at, end } = place(hex);
  const found = dnsProblem(view, at, end, end + announcedMore);
  return found === -1 ? null : { code: PROBLEMS[found & 0xff]!, at: found >> 8 };
}

function hex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

function name(...labels: string[]): string {
  return labels.map((label) => Buffer.of(label.length).toString('hex') + hex(label)).join('') + '00';
}

function header(questions: number, answers = 0, authorities = 0, additionals = 0, flags = 0x0100): string {
  const words = [0x1234, flags, questions, answers, authorities, additionals];
  return words.map((word) => word.toString(16).padStart(4, '0')).join('');
}

// Messages between dig and dnsmasq; the values expected of them are those that tshark 4.0.17 prints.
const CNAME_ANSWER =
  '25898580000100020000000105616c6961730473686f700373766307636c7573746572056c6f63616c0000010001c00c0005000100000000001c' +
  '037765620473686f700373766307636c7573746572056c6f63616c00c03a000100010000000000040a60005000002904d0000000000000';
const AAAA_QUERY =
  '0b5c01200001000000000001035745420473686f700373766307636c7573746572056c6f63616c00001c000100002904d000000000000c000a0008' +
  '433bfae3cae8375b';
const AAAA_ANSWER =
  '0b5c85800001000100000001035745420473686f700373766307636c7573746572056c6f63616c00001c0001c00c001c0001000000000010' +
  'fd00001000960000000000000000008000002904d0000000000000';
const SRV_ANSWER =
  '53bd85800001000100000003055f68747470045f746370037765620473686f700373766307636c7573746572056c6f63616c0000210001' +
  'c00c00210001000000000022000a00141f90037765620473686f700373766307636c7573746572056c6f63616c00' +
  'c049000100010000000000040a600050c049001c0001000000000010fd00001000960000000000000000008000002904d0000000000000';
const TXT_ANSWER =
  'b414858000010001000000010b646e732d76657273696f6e07636c7573746572056c6f63616c0000100001' +
  'c00c0010000100000000001405312e312e300d7365636f6e6420737472696e6700002904d0000000000000';
const NXDOMAIN = 'b94281830001000000000001076e6f7468696e6707636c7573746572056c6f63616c000001000100002904d0000000000000';
const TCP_ANSWER =
  '0047c4d585800001000100000001037765620473686f700373766307636c7573746572056c6f63616c0000010001' +
  'c00c000100010000000000040a60005000002904d0000000000000';
// x.cluster.local A, NXDomain with an SOA; tshark: ns.cluster.local, adm.cluster.local, serial 2024, minimum 5.
const SOA_ANSWER =
  '123484030001000000010000017807636c7573746572056c6f63616c0000010001c00e000600010000001e001f026e73c00e0361646dc00e' +
  '000007e800001c20000007080001518000000005';
const SAMPLES = [CNAME_ANSWER, AAAA_QUERY, AAAA_ANSWER, SRV_ANSWER, TXT_ANSWER, NXDOMAIN, SOA_ANSWER];

describe('layout, typed again from the RFCs', () => {
  it('has the header of RFC 1035 section 4.1.1', () => {
    const fields = ['id', 'flags', 'questions', 'answers', 'authorities', 'additionals'] as const;
    expect(fields.map((field) => DnsHeader.offsetOf(field))).toEqual([0, 2, 4, 6, 8, 10]);
    expect(DnsHeader.span).toBe(12);
  });

  it('has the record of RFC 1035 section 4.1.3', () => {
    const fields = ['type', 'class', 'ttl', 'dataLength'] as const;
    expect(fields.map((field) => DnsRecordFixed.offsetOf(field))).toEqual([0, 2, 4, 8]);
    expect(DnsRecordFixed.span).toBe(10);
  });

  it('has the data of RFC 2782 and of RFC 1035 section 3.3.13', () => {
    expect((['priority', 'weight', 'port'] as const).map((field) => DnsSrvFixed.offsetOf(field))).toEqual([0, 2, 4]);
    expect(SRV_TARGET).toBe(6);
    const soa = ['serial', 'refresh', 'retry', 'expire', 'minimum'] as const;
    expect(soa.map((field) => DnsSoaNumbers.offsetOf(field))).toEqual([0, 4, 8, 12, 16]);
  });
});

describe('the header', () => {
  it('reads an answer', () => {
    const { view, at, end } = place(CNAME_ANSWER);
    expect(checkDns(view, at, end)).toBe(-1);
    expect(dnsId(view, at)).toBe(0x2589);
    expect(dnsIsResponse(view, at)).toBe(true);
    expect(dnsOpcode(view, at)).toBe(0);
    expect(dnsAuthoritative(view, at)).toBe(true);
    expect(dnsTruncated(view, at)).toBe(false);
    expect(dnsRecursionDesired(view, at)).toBe(true);
    expect(dnsRecursionAvailable(view, at)).toBe(true);
    expect(dnsRcode(view, at)).toBe(0);
    expect(dnsQuestionCount(view, at)).toBe(1);
    expect(dnsAnswerCount(view, at)).toBe(2);
    expect(dnsAuthorityCount(view, at)).toBe(0);
    expect(dnsAdditionalCount(view, at)).toBe(1);
  });

  it('reads a query with AD set, and a name error', () => {
    const query = place(AAAA_QUERY);
    expect(dnsIsResponse(query.view, query.at)).toBe(false);
    expect(dnsAuthenticData(query.view, query.at)).toBe(true);
    expect(dnsCheckingDisabled(query.view, query.at)).toBe(false);
    const error = place(NXDOMAIN);
    expect(dnsRcode(error.view, error.at)).toBe(3);
    expect(dnsAuthoritative(error.view, error.at)).toBe(false);
  });

  it('reads each flag alone', () => {
    const read = [
      dnsIsResponse,
      dnsAuthoritative,
      dnsTruncated,
      dnsRecursionDesired,
      dnsRecursionAvailable,
      dnsAuthenticData,
      dnsCheckingDisabled,
    ];
    const masks = [0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010];
    masks.forEach((mask, flag) => {
      const { view, at } = place(header(0, 0, 0, 0, mask));
      expect(read.map((accessor) => accessor(view, at))).toEqual(masks.map((_, other) => other === flag));
    });
    const update = place(header(0, 0, 0, 0, 0x2805));
    expect(dnsOpcode(update.view, update.at)).toBe(5);
    expect(dnsRcode(update.view, update.at)).toBe(5);
  });

  it('refuses eleven octets', () => {
    const { view, at } = place(CNAME_ANSWER);
    expect(PROBLEMS[checkDns(view, at, at + 11)]).toBe('dns-truncated');
    expect(checkDns(view, at, at + 12)).toBe(-1);
  });
});

describe('questions and records', () => {
  it('reads a CNAME and its address, with compressed names', () => {
    const { view, at, end } = place(CNAME_ANSWER);
    expect([...dnsQuestions(view, at, end)]).toEqual([{ name: 'alias.shop.svc.cluster.local', type: 1, class: 1 }]);
    const [alias, address, opt, ...more] = [...dnsRecords(view, at, end)];
    expect(more).toEqual([]);
    expect(alias).toMatchObject({ section: 'answer', name: 'alias.shop.svc.cluster.local', type: 5, dataLength: 28 });
    expect(dnsReadName(view, alias!.dataAt, at, end).text).toBe('web.shop.svc.cluster.local');
    expect(address).toMatchObject({ section: 'answer', name: 'web.shop.svc.cluster.local', type: 1, class: 1, ttl: 0 });
    expect(view.getUint32(address!.dataAt)).toBe(0x0a600050);
    expect(opt).toMatchObject({ section: 'additional', name: '.', type: 41, dataLength: 0 });
    expect(dnsOptUdpSize(opt!)).toBe(1232);
  });

  it('reads an SRV record and what comes after it', () => {
    const { view, at, end } = place(SRV_ANSWER);
    const records = [...dnsRecords(view, at, end)];
    expect(records.map((record) => record.type)).toEqual([33, 1, 28, 41]);
    const data = records[0]!.dataAt;
    expect([0, 2, 4].map((offset) => view.getUint16(data + offset))).toEqual([10, 20, 8080]);
    expect(dnsReadName(view, data + SRV_TARGET, at, end).text).toBe('web.shop.svc.cluster.local');
  });

  it('reads the strings of TXT', () => {
    const { view, at, end } = place(TXT_ANSWER);
    const [record] = dnsRecords(view, at, end);
    const strings = [...dnsTextStrings(view, record!)].map(({ at: from, length }) =>
      Buffer.from(view.buffer, from, length).toString(),
    );
    expect(strings).toEqual(['1.1.0', 'second string']);
  });

  it('reads both names of an SOA record', () => {
    const { view, at, end } = place(SOA_ANSWER);
    const [record] = dnsRecords(view, at, end);
    expect(record).toMatchObject({ section: 'authority', name: 'cluster.local', type: 6, ttl: 30 });
    const server = dnsReadName(view, record!.dataAt, at, end);
    const mailbox = dnsReadName(view, server.next, at, end);
    expect([server.text, mailbox.text]).toEqual(['ns.cluster.local', 'adm.cluster.local']);
    expect(view.getUint32(mailbox.next)).toBe(2024);
  });

  it('reads OPT: size, extended code, version, DO and options (RFC 6891 section 6.1)', () => {
    const opt = '0000291000' + '01008000' + '000c' + '000a0008' + '433bfae3cae8375b';
    const { view, at, end } = place(header(0, 0, 0, 1) + opt);
    const [record] = dnsRecords(view, at, end);
    expect(dnsOptUdpSize(record!)).toBe(4096);
    expect(dnsOptRcode(record!)).toBe(1);
    expect(dnsOptVersion(record!)).toBe(0);
    expect(dnsOptDnssec(record!)).toBe(true);
    expect([...dnsOptions(view, record!)]).toEqual([{ code: 10, at: record!.dataAt + 4, length: 8 }]);
  });

  it('follows the example of RFC 1035 section 4.1.4', () => {
    const octets = new Uint8Array(120);
    octets.set(Buffer.from(name('F', 'ISI', 'ARPA'), 'hex'), 20);
    octets.set(Buffer.from('03' + hex('FOO') + 'c014', 'hex'), 40);
    octets.set([0xc0, 26], 64);
    octets.set([0], 92);
    const view = new DataView(octets.buffer);
    const names = [20, 40, 64, 92].map((at) => dnsReadName(view, at, 0, 120));
    expect(names.map(({ text }) => text)).toEqual(['F.ISI.ARPA', 'FOO.F.ISI.ARPA', 'ARPA', '.']);
    expect(names.map(({ next }) => next)).toEqual([32, 46, 66, 93]);
  });

  it('escapes what is not printable ASCII (RFC 1035 section 5.1)', () => {
    const { view, at, end } = place(header(1) + name('a\x1b[31m', 'c d', 'b\\s', '\xc3\xa9', '\x7f\x00') + '00010001');
    expect([...dnsQuestions(view, at, end)][0]!.name).toBe('a\\027[31m.c d.b\\\\s.\\195\\169.\\127\\000');
  });

  it('stops where the capture ends, without inventing', () => {
    const whole = place(SRV_ANSWER);
    const all = [...dnsRecords(whole.view, whole.at, whole.end)];
    for (let end = whole.at + 12; end < whole.end; end += 1) {
      const records = [...dnsRecords(whole.view, whole.at, end)];
      expect(records.length).toBeLessThanOrEqual(all.length);
      records.forEach((record, index) => {
        expect(record.dataEnd).toBeLessThanOrEqual(end);
        expect({ ...record, dataEnd: 0 }).toEqual({ ...all[index]!, dataEnd: 0 });
      });
    }
  });
});

describe('names', () => {
  it('names types and codes, known or not', () => {
    expect([1, 28, 33, 65280].map(dnsTypeName)).toEqual(['A', 'AAAA', 'SRV', 'TYPE65280']);
    expect([0, 2, 3, 5, 12].map(dnsRcodeName)).toEqual(['NoError', 'ServFail', 'NXDomain', 'Refused', 'unknown(12)']);
    expect([0, 5, 9].map(dnsOpcodeName)).toEqual(['query', 'update', 'unknown(9)']);
  });
});

describe('the question hash', () => {
  const hash = (octets: string) => {
    const { view, at, end } = place(octets);
    return dnsQuestionHash(view, at, end);
  };

  it('is equal for a query and its answer, in either case', () => {
    expect(hash(AAAA_QUERY)).toBe(hash(AAAA_ANSWER));
    expect(hash(AAAA_QUERY.replace('03574542', '03776562'))).toBe(hash(AAAA_ANSWER));
    expect(hash(AAAA_QUERY)).not.toBe(0);
  });

  it('tells names, label borders and types apart', () => {
    const questions = [
      name('ab', 'c') + '0001',
      name('a', 'bc') + '0001',
      name('abc') + '0001',
      name('abd') + '0001',
      name('abc') + '001c',
      name('abc') + '0041',
      name('abc') + '0061',
    ].map((question) => hash(header(1) + question + '0001'));
    expect(new Set(questions).size).toBe(questions.length);
  });

  it('is 0 without a captured, plain question', () => {
    const { view, at, end } = place(AAAA_QUERY);
    const typeEnd = at + 12 + 28 + 2;
    for (let cut = at + 12; cut < typeEnd; cut += 1) expect(dnsQuestionHash(view, at, cut)).toBe(0);
    expect(dnsQuestionHash(view, at, typeEnd)).toBe(dnsQuestionHash(view, at, end));
    expect(dnsQuestionType(view, at, typeEnd - 1)).toBe(-1);
    expect(dnsQuestionType(view, at, typeEnd)).toBe(28);
    expect(hash(header(0) + name('a') + '00010001')).toBe(0);
    expect(hash(header(1) + 'c00c00010001')).toBe(0);
    expect(hash(header(1) + '4161' + '0000010001')).toBe(0);
  });
});

describe('problems', () => {
  const question = name('a', 'b') + '00010001';

  it('finds none in sound messages, nor in their captured parts', () => {
    for (const sample of SAMPLES) {
      expect(problemOf(sample)).toBeNull();
      for (let cut = 2; cut < sample.length; cut += 2) {
        expect(problemOf(sample.slice(0, -cut), cut / 2)).toBeNull();
      }
    }
  });

  it('finds octets missing that were announced by nobody', () => {
    for (const sample of SAMPLES) {
      for (let cut = 2; cut < sample.length; cut += 2) {
        expect(problemOf(sample.slice(0, -cut))?.code).toMatch(/^dns-(truncated|count)$/);
      }
    }
  });

  it('finds a pointer to itself, forwards, and to its own name', () => {
    expect(problemOf(header(1) + 'c00c' + '00010001')).toEqual({ code: 'dns-pointer-loop', at: 12 });
    expect(problemOf(header(1) + 'c012' + '00010001' + '016100')).toEqual({ code: 'dns-pointer-loop', at: 12 });
    expect(problemOf(header(1) + '0161' + 'c00c' + '00010001')).toEqual({ code: 'dns-pointer-loop', at: 12 });
  });

  it('finds two names that point to each other', () => {
    const first = 'c012' + '00010001';
    const second = 'c00c' + '00010001';
    expect(problemOf(header(2) + first + second)?.code).toBe('dns-pointer-loop');
  });

  it('follows a chain of pointers backwards, but not for ever', () => {
    const answers = (count: number) => {
      let records = question;
      for (let index = 0; index < count; index += 1) {
        const before = index === 0 ? 12 : 12 + 9 + (index - 1) * 12;
        records += (0xc000 | before).toString(16) + '00630001' + '00000000' + '0000';
      }
      return header(1, count) + records;
    };
    expect(problemOf(answers(127))).toBeNull();
    expect(problemOf(answers(128))?.code).toBe('dns-pointer-loop');
  });

  it('finds a pointer into the header and reserved label types', () => {
    expect(problemOf(header(1) + 'c000' + '00010001')).toEqual({ code: 'dns-label', at: 12 });
    expect(problemOf(header(1) + '4161' + '0000010001')).toEqual({ code: 'dns-label', at: 12 });
    expect(problemOf(header(1) + '8161' + '0000010001')).toEqual({ code: 'dns-label', at: 12 });
  });

  it('accepts a name of 255 octets and no longer one', () => {
    const long = ['x'.repeat(63), 'x'.repeat(63), 'x'.repeat(63)];
    expect(problemOf(header(1) + name(...long, 'x'.repeat(61)) + '00010001')).toBeNull();
    expect(problemOf(header(1) + name(...long, 'x'.repeat(62)) + '00010001')?.code).toBe('dns-label');
  });

  it('finds counts that announce more than there is', () => {
    expect(problemOf(header(1))).toEqual({ code: 'dns-count', at: 4 });
    expect(problemOf(header(0xffff) + question)).toEqual({ code: 'dns-count', at: 4 });
    expect(problemOf(header(1, 1) + question)).toEqual({ code: 'dns-count', at: 6 });
    expect(problemOf(header(1, 0, 0xffff) + question)).toEqual({ code: 'dns-count', at: 8 });
    expect(problemOf(header(1, 0, 0, 1) + question)).toEqual({ code: 'dns-count', at: 10 });
  });

  it('finds data longer than the message, and shorter than its type needs', () => {
    const record = (type: string, length: string, data: string) =>
      header(1, 1) + question + 'c00c' + type + '0001' + '00000005' + length + data;
    const lengthAt = 12 + 9 + 10;
    expect(problemOf(record('0001', 'ffff', '0a000001'))).toEqual({ code: 'dns-truncated', at: lengthAt });
    expect(problemOf(record('0001', '0003', '0a0000'))).toEqual({ code: 'dns-truncated', at: lengthAt });
    expect(problemOf(record('001c', '0004', '0a000001'))).toEqual({ code: 'dns-truncated', at: lengthAt });
    expect(problemOf(record('0005', '0002', '0161'))).toEqual({ code: 'dns-truncated', at: lengthAt });
    expect(problemOf(record('0005', '0002', 'c021'))).toEqual({ code: 'dns-pointer-loop', at: lengthAt + 2 });
    expect(problemOf(record('0021', '0004', '00000000'))).toEqual({ code: 'dns-truncated', at: lengthAt });
    expect(problemOf(record('0006', '0004', 'c00cc00c'))).toEqual({ code: 'dns-truncated', at: lengthAt });
    expect(problemOf(record('0001', '0004', '0a000001'))).toBeNull();
    expect(problemOf(record('ff00', '0003', '0a0000'))).toBeNull();
  });

  it('takes an update that deletes a record set (RFC 2136 section 2.5.2)', () => {
    const deletion = name('a', 'b') + '0001' + '00ff' + '00000000' + '0000';
    expect(problemOf(header(1, 0, 1, 0, 0x2800) + name('b') + '00060001' + deletion)).toBeNull();
  });
});

describe('over TCP', () => {
  it('finds the end of a message', () => {
    const { view, at, end } = place(TCP_ANSWER);
    expect(dnsTcpBegins(view, at, end)).toBe(true);
    expect(dnsTcpEnd(view, at)).toBe(end);
    expect(dnsId(view, at + 2)).toBe(0xc4d5);
  });

  it('tells the middle of a message from its beginning', () => {
    const { view, at, end } = place(TCP_ANSWER);
    for (let middle = at + 1; middle < end; middle += 1) expect(dnsTcpBegins(view, middle, end)).toBe(false);
  });
});

describe('hostile octets', () => {
  const octets = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc
      .tuple(fc.constantFrom(...SAMPLES), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }))
      .map(([sample, changes]) => {
        const changed = new Uint8Array(Buffer.from(sample, 'hex'));
        for (const [at, value] of changes) if (at < changed.length) changed[at] = value;
        return changed;
      }),
  );

  it('never makes a reader throw, read past the end or disagree with the check', () => {
    fc.assert(
      fc.property(octets, fc.nat(40), (message, announcedMore) => {
        // The view ends with the message: a read past the end throws.
        const view = new DataView(message.buffer, message.byteOffset, message.length);
        const end = message.length;
        if (checkDns(view, 0, end) !== -1) return;
        const problem = dnsProblem(view, 0, end, end + announcedMore);
        const records = [...dnsRecords(view, 0, end)];
        const questions = [...dnsQuestions(view, 0, end)];
        for (const record of records) {
          [...dnsTextStrings(view, record), ...dnsOptions(view, record)].forEach((part) =>
            expect(part.at + part.length).toBeLessThanOrEqual(end),
          );
          dnsReadName(view, record.dataAt, 0, end);
        }
        expect(dnsQuestionHash(view, 0, end) === 0).toBe(dnsQuestionType(view, 0, end) === -1);
        dnsTcpBegins(view, 0, end);
        if (problem === -1 && announcedMore === 0) {
          const counts = dnsAnswerCount(view, 0) + dnsAuthorityCount(view, 0) + dnsAdditionalCount(view, 0);
          expect(records.length).toBe(Math.min(counts, DNS_MAX_RECORDS - questions.length));
        }
      }),
      runs(2000),
    );
  });

  it('takes bounded time for the most work 64 KiB can ask for', () => {
    // Each answer's name is a pointer to the one before it, 127 deep, over and over.
    const octets = new Uint8Array(65_535);
    octets.set(Buffer.from(header(0, 0xffff, 0xffff, 0xffff) + '00', 'hex'));
    const view = new DataView(octets.buffer);
    let at = 13;
    for (let index = 0; at + 12 <= octets.length; index += 1) {
      view.setUint16(at, 0xc000 | (index % 127 === 0 ? 12 : Math.min(at - 12, 0x3ff4)));
      view.setUint16(at + 2, 99);
      at += 12;
    }
    const start = performance.now();
    dnsProblem(view, 0, octets.length, octets.length);
    const records = [...dnsRecords(view, 0, octets.length)].length;
    expect(records).toBeLessThanOrEqual(DNS_MAX_RECORDS);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});
