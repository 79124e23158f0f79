import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';
import { collisionFindings, flapFindings } from './bgp-endings.js';
import { noAnswerFindings } from './bgp-no-answer.js';
import { notificationFindings } from './bgp-notifications.js';
import { routeFindings } from './bgp-routes.js';
import { bgpSessions } from './bgp-sessions.js';
import { unknownPeerFindings } from './bgp-unknown-peer.js';
import { serverRefusedFindings, staleBackendFindings } from './dns-backend.js';
import { fragmentFindings, truncatedFindings } from './dns-large.js';
import { DnsTraffic } from './dns-lookups.js';
import { raceFindings } from './dns-race.js';
import { searchFindings } from './dns-search.js';
import { upstreamFindings } from './dns-upstream.js';

/** DNS and BGP. */
export function applicationFindings(context: FindingContext): Finding[] {
  const sessions = bgpSessions(context);
  const traffic = new DnsTraffic(context);
  return [
    ...unknownPeerFindings(context, sessions),
    ...noAnswerFindings(context, sessions),
    ...notificationFindings(context, sessions),
    ...flapFindings(context, sessions),
    ...collisionFindings(context, sessions),
    ...routeFindings(context, sessions),
    ...raceFindings(context, traffic),
    ...staleBackendFindings(context, traffic),
    ...serverRefusedFindings(context, traffic),
    ...upstreamFindings(context, traffic),
    ...truncatedFindings(context, traffic),
    ...fragmentFindings(context),
    ...searchFindings(context, traffic),
  ];
}
