/** A TCP header as tcpdump prints it, with absolute sequence numbers (its -S). */
import {
  tcpAck,
  TcpFlag,
  tcpFlags,
  TcpHeader,
  tcpHeaderLength,
  tcpMss,
  TcpOption,
  tcpSackBlocks,
  tcpSackLeft,
  tcpSackRight,
  tcpSeq,
  tcpTimestampEcho,
  tcpTimestampValue,
  tcpUrgent,
  tcpWindow,
  tcpWindowScale,
} from '../wire/tcp.js';

const FLAG_LETTERS: readonly (readonly [mask: number, letter: string])[] = [
  [TcpFlag.FIN, 'F'],
  [TcpFlag.SYN, 'S'],
  [TcpFlag.RST, 'R'],
  [TcpFlag.PSH, 'P'],
  [TcpFlag.ACK, '.'],
  [TcpFlag.URG, 'U'],
  [TcpFlag.ECE, 'E'],
  [TcpFlag.CWR, 'W'],
  [TcpFlag.AE, 'e'],
];

/** `end`: one past the last captured octet; `length`: octets of payload, as announced. */
export function tcpText(view: DataView, at: number, end: number, length: number): string {
  const flags = tcpFlags(view, at);
  const letters = FLAG_LETTERS.map(([mask, letter]) => ((flags & mask) === 0 ? '' : letter)).join('');
  const parts = [`Flags [${letters === '' ? 'none' : letters}]`];
  const seq = tcpSeq(view, at);
  if (length > 0) parts.push(`seq ${seq}:${(seq + length) >>> 0}`);
  else if ((flags & (TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST)) !== 0) parts.push(`seq ${seq}`);
  if ((flags & TcpFlag.ACK) !== 0) parts.push(`ack ${tcpAck(view, at)}`);
  parts.push(`win ${tcpWindow(view, at)}`);
  if ((flags & TcpFlag.URG) !== 0) parts.push(`urg ${tcpUrgent(view, at)}`);
  const options = optionTexts(view, at, end);
  if (options.length > 0) parts.push(`options [${options.join(',')}]`);
  parts.push(`length ${length}`);
  return parts.join(', ');
}

/** Options in their order, up to one that is cut or has an impossible length. */
function optionTexts(view: DataView, at: number, end: number): string[] {
  const texts: string[] = [];
  const last = Math.min(end, at + tcpHeaderLength(view, at));
  for (let option = at + TcpHeader.span; option < last;) {
    const kind = view.getUint8(option);
    if (kind === TcpOption.END) return [...texts, 'eol'];
    if (kind === TcpOption.NOP) {
      texts.push('nop');
      option += 1;
      continue;
    }
    const size = option + 1 < last ? view.getUint8(option + 1) : 0;
    if (size < 2 || option + size > last) return [...texts, '[|tcp]'];
    texts.push(optionText(view, option, kind, size));
    option += size;
  }
  if (last < at + tcpHeaderLength(view, at)) texts.push('[|tcp]');
  return texts;
}

function optionText(view: DataView, option: number, kind: number, size: number): string {
  if (kind === TcpOption.MSS && size === 4) return `mss ${tcpMss(view, option)}`;
  if (kind === TcpOption.WINDOW_SCALE && size === 3) return `wscale ${tcpWindowScale(view, option)}`;
  if (kind === TcpOption.SACK_PERMITTED && size === 2) return 'sackOK';
  if (kind === TcpOption.TIMESTAMPS && size === 10) {
    return `TS val ${tcpTimestampValue(view, option)} ecr ${tcpTimestampEcho(view, option)}`;
  }
  if (kind === TcpOption.SACK && size >= 10 && size % 8 === 2) {
    const blocks = Array.from({ length: tcpSackBlocks(view, option) }, (_, block) => {
      return `{${tcpSackLeft(view, option, block)}:${tcpSackRight(view, option, block)}}`;
    });
    return `sack ${blocks.length} ${blocks.join('')}`;
  }
  if (kind === TcpOption.MD5) return 'md5';
  if (kind === TcpOption.AO) return 'tcp-ao';
  return `unknown-${kind}`;
}
