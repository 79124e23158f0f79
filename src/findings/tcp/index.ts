import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { TcpEvidence } from './evidence.js';
import { backlogFindings } from './backlog.js';
import { ephemeralPortFindings } from './ephemeral-ports.js';
import { handshakeFindings } from './handshake-asym.js';
import { hairpinFindings } from './hairpin.js';
import { icmpRefusedFindings } from './icmp-refused.js';
import { unexpectedSourceFindings } from './unexpected-source.js';
import { masqueradeFindings } from './masquerade.js';
import { portFindings } from './ports.js';
import { tupleClashFindings } from './tuple-clash.js';
import { keepAliveFindings, zeroWindowFindings } from './window.js';
import { leakFindings, leaksOf } from './leak.js';
import { reopenedFindings } from './reopened.js';
import { resetFindings } from './reset.js';
import { refusedFindings } from './refused.js';

/** Checks on TCP connections and on address translation. */
export function tcpFindings(context: FindingContext): Finding[] {
  const evidence = new TcpEvidence(context);
  const leaks = leaksOf(evidence);
  return [
    ...refusedFindings(evidence),
    ...leakFindings(evidence, leaks),
    ...reopenedFindings(evidence),
    ...resetFindings(evidence, leaks),
    ...icmpRefusedFindings(evidence),
    ...backlogFindings(evidence),
    ...handshakeFindings(evidence),
    ...zeroWindowFindings(evidence),
    ...keepAliveFindings(evidence),
    ...hairpinFindings(evidence),
    ...unexpectedSourceFindings(context),
    ...masqueradeFindings(context),
    ...tupleClashFindings(evidence),
    ...portFindings(evidence),
    ...ephemeralPortFindings(evidence),
  ];
}
