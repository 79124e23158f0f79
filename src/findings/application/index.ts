import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { collisionFindings, flapFindings } from './bgp-endings.js';
import { noAnswerFindings } from './bgp-no-answer.js';
import { notificationFindings } from './bgp-notifications.js';
import { bgpSessions } from './bgp-sessions.js';
import { unknownPeerFindings } from './bgp-unknown-peer.js';

/** DNS and BGP. */
export function applicationFindings(context: FindingContext): Finding[] {
  const sessions = bgpSessions(context);
  return [
    ...unknownPeerFindings(context, sessions),
    ...noAnswerFindings(context, sessions),
    ...notificationFindings(context, sessions),
    ...flapFindings(context, sessions),
    ...collisionFindings(context, sessions),
  ];
}
