import { DATAGRAMS, type Exchange } from './exchange.js';
import type { Trail } from './trail.js';

/** The acknowledgement of what was sent several times is not this one's for certain. */
export function sentAgain(trail: Trail, exchange: Exchange): boolean {
  return exchange.repeats.some(({ request, sequence, length }) => {
    const ahead = (sequence - trail.a) | 0;
    return request === (trail.direction === 'request') && ahead < trail.payloadLength && ahead + length > 0;
  });
}

export function covered(trail: Trail, acknowledged: number): boolean {
  return trail.payloadLength > 0 && ((acknowledged - ((trail.a + trail.payloadLength) | 0)) | 0) >= 0;
}

/** What shows that a packet arrived though no capture saw it: something about it alone, or about one of several like it. */
export type Arrival = 'shown' | 'one-of-several';

/** Datagrams name no answer of their own: where as many come back as are sent from here on, this one may be answered. */
export function datagramArrival({ firstTime }: Trail, { requestTimes, replyTimes }: Exchange): Arrival | null {
  if (requestTimes.length >= DATAGRAMS || replyTimes.length >= DATAGRAMS) return 'one-of-several';
  const asked = requestTimes.filter((time) => time >= firstTime).length;
  const answered = replyTimes.filter((time) => time > firstTime).length;
  return answered >= asked ? 'one-of-several' : null;
}
