/** DNS messages as tcpdump prints them, with the question of a response as its -vv does. */
import {
  checkDns,
  dnsAdditionalCount,
  dnsAnswerCount,
  dnsAuthenticData,
  dnsAuthoritative,
  dnsAuthorityCount,
  dnsCheckingDisabled,
  dnsId,
  dnsIsResponse,
  dnsOpcode,
  dnsOptRcode,
  dnsQuestionCount,
  dnsQuestions,
  dnsRcode,
  dnsReadName,
  dnsRecords,
  dnsRecursionAvailable,
  dnsRecursionDesired,
  DnsSrvFixed,
  dnsTextStrings,
  dnsTruncated,
  DnsType,
  MX_EXCHANGE,
  SRV_TARGET,
  type DnsRecord,
} from '../wire/dns.js';
import { dnsOpcodeName, dnsRcodeName, dnsTypeName } from '../wire/dns-names.js';
import { formatIpv4, formatIpv6 } from '../wire/format.js';
import { utf8 } from './field-table.js';

/** Questions, and answers, of one message that fit a line. */
const SHOWN = 16;

/** `end`: one past the last captured octet; `length`: octets of the message, as announced. */
export function dnsText(view: DataView, at: number, end: number, length: number): string {
  if (checkDns(view, at, end) !== -1) return '[|domain]';
  return `${dnsIsResponse(view, at) ? responseText(view, at, end) : queryText(view, at, end)} (${length})`;
}

function queryText(view: DataView, at: number, end: number): string {
  const flags = `${dnsRecursionDesired(view, at) ? '+' : ''}${dnsCheckingDisabled(view, at) ? '%' : ''}`;
  const counts = [
    count(dnsAnswerCount(view, at), 'a'),
    count(dnsAuthorityCount(view, at), 'n'),
    count(dnsAdditionalCount(view, at), 'au'),
  ].join('');
  return `${dnsId(view, at)}${opcodeText(view, at)}${flags}${counts}${questionsText(view, at, end)}`;
}

function count(number: number, letters: string): string {
  return number === 0 ? '' : ` [${number}${letters}]`;
}

function responseText(view: DataView, at: number, end: number): string {
  const records = [...dnsRecords(view, at, end)];
  const opt = records.find((record) => record.type === DnsType.OPT);
  const rcode = dnsRcode(view, at) | ((opt === undefined ? 0 : dnsOptRcode(opt)) << 4);
  const flags = [
    dnsAuthoritative(view, at) ? '*' : '',
    dnsRecursionAvailable(view, at) ? '' : '-',
    dnsTruncated(view, at) ? '|' : '',
    dnsAuthenticData(view, at) ? '$' : '',
  ].join('');
  const counts = `${dnsAnswerCount(view, at)}/${dnsAuthorityCount(view, at)}/${dnsAdditionalCount(view, at)}`;
  const answers = records.filter(({ section }) => section === 'answer');
  const shown = answers.slice(0, SHOWN).map((record) => ` ${recordText(view, record, at)}`);
  if (answers.length > SHOWN) shown.push(` and ${answers.length - SHOWN} more`);
  const error = rcode === 0 ? '' : ` ${dnsRcodeName(rcode)}`;
  const question = dnsQuestionCount(view, at) === 0 ? '' : ` q:${questionsText(view, at, end)}`;
  return `${dnsId(view, at)}${opcodeText(view, at)}${error}${flags}${question} ${counts}${shown.join(',')}`;
}

function opcodeText(view: DataView, at: number): string {
  return dnsOpcode(view, at) === 0 ? '' : ` ${dnsOpcodeName(dnsOpcode(view, at))}`;
}

function questionsText(view: DataView, at: number, end: number): string {
  const questions = dnsQuestionCount(view, at);
  const texts: string[] = questions === 1 ? [] : [` [${questions}q]`];
  for (const { name, type } of dnsQuestions(view, at, end)) {
    if (texts.length > SHOWN) break;
    texts.push(` ${dnsTypeName(type)}? ${absolute(name)}`);
  }
  return texts.length === 0 ? ' [|domain]' : texts.join('');
}

function absolute(name: string): string {
  return name === '.' ? name : `${name}.`;
}

function recordText(view: DataView, record: DnsRecord, messageAt: number): string {
  const data = dataText(view, record, messageAt);
  return data === '' ? dnsTypeName(record.type) : `${dnsTypeName(record.type)} ${data}`;
}

function dataText(view: DataView, record: DnsRecord, messageAt: number): string {
  const { dataAt, dataEnd } = record;
  const length = dataEnd - dataAt;
  const name = (at: number): string => {
    const { text, next } = dnsReadName(view, at, messageAt, dataEnd);
    if (next !== -1) return absolute(text);
    return text === '' ? '[|domain]' : `${text}. [|domain]`;
  };
  switch (record.type) {
    case DnsType.A:
      return length === 4 ? formatIpv4(view, dataAt) : '[|domain]';
    case DnsType.AAAA:
      return length === 16 ? formatIpv6(view, dataAt) : '[|domain]';
    case DnsType.CNAME:
    case DnsType.NS:
    case DnsType.PTR:
      return name(dataAt);
    case DnsType.MX:
      return length < MX_EXCHANGE ? '[|domain]' : `${name(dataAt + MX_EXCHANGE)} ${view.getUint16(dataAt)}`;
    case DnsType.SRV: {
      if (length < SRV_TARGET) return '[|domain]';
      const number = (field: 'port' | 'priority' | 'weight') => view.getUint16(dataAt + DnsSrvFixed.offsetOf(field));
      return `${name(dataAt + SRV_TARGET)}:${number('port')} ${number('priority')} ${number('weight')}`;
    }
    case DnsType.TXT:
      return [...dnsTextStrings(view, record)]
        .map((text) => `"${utf8(view, text.at, text.at + text.length)}"`)
        .join(' ');
    default:
      return '';
  }
}
