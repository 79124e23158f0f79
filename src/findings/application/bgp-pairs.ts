import { secondsBetween } from './finding.js';
import type { Session, View } from './bgp-sessions.js';

/** A speaker may try again this much later, seconds; connect retry is 120 s (RFC 4271 section 10). */
const RETRY = 120;

/** Other sessions between the ends of this one, whoever called; one that shares two pairs of addresses comes twice. */
export function othersOf(session: Session): Session[] {
  return session.pairs.flat().filter((other) => other !== session);
}

export function isEstablished(session: Session): boolean {
  return session.views.some((view) => view.established);
}

/** Whether another connection of the pair works while this one ends, or does so within the time of a retry. */
export function worksElsewhere(session: Session, others: readonly Session[]): boolean {
  const end = lastOf(session.views[0]);
  return others.some((other) => {
    if (!isEstablished(other)) return false;
    const { views } = other;
    return secondsBetween(end, views[0].first) < RETRY && secondsBetween(session.views[0].first, lastOf(views[0])) > 0;
  });
}

/** Two connections that the two speakers open towards each other at the same time. */
export function crosses(a: Session, b: Session): boolean {
  const [first] = a.views;
  const [second] = b.views;
  const opposite = a.views.some((x) => b.views.some((y) => x.client === y.server && x.server === y.client));
  return (
    opposite && secondsBetween(first.first, lastOf(second)) >= 0 && secondsBetween(second.first, lastOf(first)) >= 0
  );
}

/** Last frame of a view that is worth a time. */
export function lastOf(view: View): View['first'] {
  const frames = [
    view.first,
    ...view.syns,
    ...[view.synAck, view.fromClient.last, view.fromServer.last].filter((kept) => kept !== null),
    ...[view.fromClient.end, view.fromServer.end].filter((end) => end !== null).map(({ kept }) => kept),
  ];
  return frames.reduce((last, kept) => (secondsBetween(last, kept) > 0 ? kept : last));
}
