import { describe, expect, it } from 'vitest';
import { formatIpv4, formatIpv6, formatMac } from '../../src/wire/index.js';
import { hex, view as viewOf } from '../support/packets.js';

describe('IPv6 text, RFC 5952', () => {
  it.for([
    // section 4.1 and 4.3: no leading zeros, lower case
    ['20010db8000000000000000000020001', '2001:db8::2:1'],
    ['20010DB8AAAABBBBCCCCDDDDEEEE0001', '2001:db8:aaaa:bbbb:cccc:dddd:eeee:1'],
    // section 4.2.2: one zero word is not shortened
    ['20010db8000000010001000100010001', '2001:db8:0:1:1:1:1:1'],
    // section 4.2.3: the longest run, and the first of two equal ones
    ['20010000000000010000000000000001', '2001:0:0:1::1'],
    ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
    ['00000000000000000000000000000000', '::'],
    ['00000000000000000000000000000001', '::1'],
    ['fe800000000000000000000000000000', 'fe80::'],
    ['00010002000300040005000600070008', '1:2:3:4:5:6:7:8'],
    ['00000001000000000000000000000001', '0:1::1'],
    // section 5: a well-known prefix with an embedded IPv4 address
    ['00000000000000000000ffffc0000201', '::ffff:192.0.2.1'],
  ] as const)('%s is %s', ([octets, text]) => {
    expect(formatIpv6(viewOf(hex(octets)), 0)).toBe(text);
  });
});

it('IPv4 and MAC addresses, anywhere in the octets', () => {
  const view = viewOf(hex('ffff 0a f4 00 ff ffff 02 00 5e 10 00 0f'));
  expect(formatIpv4(view, 2)).toBe('10.244.0.255');
  expect(formatMac(view, 8)).toBe('02:00:5e:10:00:0f');
});
