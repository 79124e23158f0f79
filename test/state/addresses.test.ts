import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { IPv6 } from 'ip-num';
import { describe, expect, it } from 'vitest';
import { holds, isAddress } from '../../src/state/addresses.js';
import { runs } from '../support/runs.js';

/** Another reader of RFC 4291: that of URLs. */
function canonical(text: string): string {
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

describe('IPv6 addresses in dumps', () => {
  it('are those that they say', () => {
    fc.assert(
      fc.property(fc.ipV6(), fc.nat(127), (text, bit) => {
        const other = new IPv6(IPv6.fromString(text).getValue() ^ (1n << BigInt(bit))).toString();
        expect(holds(text, canonical(text))).toBe(true);
        expect(holds(text, other)).toBe(false);
        expect(holds(`${text}/${127 - bit}`, other)).toBe(true);
      }),
      runs(1000),
    );
  });

  it('are told from other texts as the C library does', () => {
    // Zones (%eth0) are not meant; an octet of IPv4 with a leading zero is taken as in IPv4 addresses, where inet_pton refuses it
    const groups = fc.constantFrom('', '0', '1', 'ffff', '10000', 'g', '1.2.3.4', '1.2.3', '1.2.3.256');
    const texts = fc.array(groups, { minLength: 2, maxLength: 10 }).map((list) => list.join(':'));
    fc.assert(
      fc.property(fc.oneof(texts, fc.stringMatching(/^[0-9a-f:]{2,40}$/)), (text) => {
        fc.pre(text.includes(':'));
        expect(isAddress(text)).toBe(isIPv6(text));
      }),
      runs(2000),
    );
  });

  it.each(['::', '1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8', '::ffff:192.0.2.1', '1:2:3:4:5:6:192.0.2.1'])(
    '%s is one',
    (text) => expect(isAddress(text)).toBe(true),
  );

  it.each([':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8::', '1:2:3:4:5:6:7:8:9', '12345::', '192.0.2.1::'])(
    '%s is none',
    (text) => expect(isAddress(text)).toBe(false),
  );
});
