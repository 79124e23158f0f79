/** Fields of DNS messages for the verbose view. */
import { bit, table, when, utf8, type Put } from './field-table.js';
import {
  dnsAdditionalCount,
  dnsAnswerCount,
  dnsAuthenticData,
  dnsAuthoritative,
  dnsAuthorityCount,
  dnsCheckingDisabled,
  dnsFlags,
  DnsHeader,
  dnsId,
  dnsIsResponse,
  dnsOpcode,
  dnsOptDnssec,
  dnsOptions,
  dnsOptRcode,
  dnsOptUdpSize,
  dnsOptVersion,
  dnsQuestionCount,
  dnsQuestions,
  dnsRcode,
  dnsReadName,
  dnsRecords,
  dnsRecursionAvailable,
  dnsRecursionDesired,
  dnsReservedFlag,
  DnsSoaNumbers,
  DnsSrvFixed,
  dnsTextStrings,
  dnsTruncated,
  DnsType,
  MX_EXCHANGE,
  SRV_TARGET,
  type DnsRecord,
} from '../wire/dns.js';
import { formatIpv4, formatIpv6 } from '../wire/format.js';

export const DNS_MESSAGE = table(
  DnsHeader,
  {
    id: [['dns.id', dnsId]],
    flags: [
      ['dns.flags', dnsFlags],
      ['dns.flags.response', bit(dnsIsResponse)],
      ['dns.flags.opcode', dnsOpcode],
      ['dns.flags.authoritative', when(dnsIsResponse, bit(dnsAuthoritative))],
      ['dns.flags.truncated', bit(dnsTruncated)],
      ['dns.flags.recdesired', bit(dnsRecursionDesired)],
      ['dns.flags.recavail', when(dnsIsResponse, bit(dnsRecursionAvailable))],
      ['dns.flags.z', bit(dnsReservedFlag)],
      [
        'dns.flags.authenticated',
        when((view, at) => dnsIsResponse(view, at) || dnsAuthenticData(view, at), bit(dnsAuthenticData)),
      ],
      ['dns.flags.checkdisable', bit(dnsCheckingDisabled)],
      ['dns.flags.rcode', when(dnsIsResponse, dnsRcode)],
    ],
    questions: [['dns.count.queries', dnsQuestionCount]],
    answers: [['dns.count.answers', dnsAnswerCount]],
    authorities: [['dns.count.auth_rr', dnsAuthorityCount]],
    additionals: [['dns.count.add_rr', dnsAdditionalCount]],
  },
  (put, view, at, end) => {
    for (const question of dnsQuestions(view, at, end)) {
      put('dns.qry.name', question.name);
      put('dns.qry.type', question.type);
      put('dns.qry.class', question.class);
    }
    for (const record of dnsRecords(view, at, end)) putDnsRecord(put, view, record, at);
  },
);

function putDnsRecord(put: Put, view: DataView, record: DnsRecord, messageAt: number): void {
  const { dataAt, dataEnd } = record;
  const name = (field: string, at: number): number => {
    const { text, next } = dnsReadName(view, at, messageAt, dataEnd);
    if (next !== -1) put(field, text);
    return next;
  };
  put('dns.resp.name', record.name);
  put('dns.resp.type', record.type);
  if (record.type === DnsType.OPT) {
    put('dns.rr.udp_payload_size', dnsOptUdpSize(record));
    put('dns.resp.ext_rcode', dnsOptRcode(record));
    put('dns.resp.edns0_version', dnsOptVersion(record));
    put('dns.resp.z.do', dnsOptDnssec(record) ? 1 : 0);
    put('dns.resp.len', record.dataLength);
    for (const option of dnsOptions(view, record)) put('dns.opt.code', option.code);
    return;
  }
  put('dns.resp.class', record.class);
  put('dns.resp.ttl', record.ttl);
  put('dns.resp.len', record.dataLength);
  switch (record.type) {
    case DnsType.A:
      if (record.dataLength === 4 && dataEnd - dataAt === 4) put('dns.a', formatIpv4(view, dataAt));
      return;
    case DnsType.AAAA:
      if (record.dataLength === 16 && dataEnd - dataAt === 16) put('dns.aaaa', formatIpv6(view, dataAt));
      return;
    case DnsType.CNAME:
      name('dns.cname', dataAt);
      return;
    case DnsType.NS:
      name('dns.ns', dataAt);
      return;
    case DnsType.PTR:
      name('dns.ptr.domain_name', dataAt);
      return;
    case DnsType.MX:
      if (dataEnd - dataAt < MX_EXCHANGE) return;
      put('dns.mx.preference', view.getUint16(dataAt));
      name('dns.mx.mail_exchange', dataAt + MX_EXCHANGE);
      return;
    case DnsType.SRV:
      if (dataEnd - dataAt < SRV_TARGET) return;
      put('dns.srv.priority', view.getUint16(dataAt + DnsSrvFixed.offsetOf('priority')));
      put('dns.srv.weight', view.getUint16(dataAt + DnsSrvFixed.offsetOf('weight')));
      put('dns.srv.port', view.getUint16(dataAt + DnsSrvFixed.offsetOf('port')));
      name('dns.srv.target', dataAt + SRV_TARGET);
      return;
    case DnsType.SOA: {
      const mailboxAt = name('dns.soa.mname', dataAt);
      const numbersAt = mailboxAt === -1 ? -1 : name('dns.soa.rname', mailboxAt);
      if (numbersAt === -1 || dataEnd - numbersAt < DnsSoaNumbers.span) return;
      put('dns.soa.serial_number', view.getUint32(numbersAt + DnsSoaNumbers.offsetOf('serial')));
      put('dns.soa.refresh_interval', view.getUint32(numbersAt + DnsSoaNumbers.offsetOf('refresh')));
      put('dns.soa.retry_interval', view.getUint32(numbersAt + DnsSoaNumbers.offsetOf('retry')));
      put('dns.soa.expire_limit', view.getUint32(numbersAt + DnsSoaNumbers.offsetOf('expire')));
      put('dns.soa.minimum_ttl', view.getUint32(numbersAt + DnsSoaNumbers.offsetOf('minimum')));
      return;
    }
    case DnsType.TXT:
      for (const text of dnsTextStrings(view, record)) put('dns.txt', utf8(view, text.at, text.at + text.length));
      return;
  }
}
