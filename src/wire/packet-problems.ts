import { bgpProblem } from './bgp.js';
import { dnsProblem } from './dns.js';
import { Layer } from './layers.js';
import { messagesOf, type Message } from './messages.js';
import { MAX_PROBLEMS, type PacketView } from './packet.js';
import { PROBLEMS } from './problems.js';

export interface PacketProblem {
  readonly code: string;
  /** Offset in the frame of what shows it; of a message that spans segments, of the payload that completes it. */
  readonly at: number;
}

/** What is wrong with the octets of a frame, in its DNS and BGP messages too. */
export function problemsOf(packet: PacketView, messages: readonly Message[] = messagesOf(packet)): PacketProblem[] {
  const problems: PacketProblem[] = [];
  for (let index = 0; index < packet.problemCount; index += 1) {
    problems.push({ code: PROBLEMS[packet.problemCodes[index]!]!, at: packet.problemAts[index]! });
  }
  for (const message of messages) {
    const found = messageProblem(message);
    if (found === -1 || problems.length === MAX_PROBLEMS) continue;
    const at = message.spans ? packet.payloadAt : message.at + (found >> 8);
    problems.push({ code: PROBLEMS[found & 0xff]!, at: at - packet.frameAt });
  }
  return problems;
}

/** A problem's number and where in the message it is, in one integer; -1 for none. */
function messageProblem({ protocol, view, at, end, announcedEnd, paths }: Message): number {
  return protocol === Layer.DNS ? dnsProblem(view, at, end, announcedEnd) : bgpProblem(view, at, end, paths);
}
