import type { DeviceSetting } from '../facts.js';
import { after, numberOf, type Reader } from './reader.js';
import { known } from './known.js';

const SWITCHES: Readonly<Record<string, number>> = { off: 0, on: 1, strict: 1, loose: 2 };
const FAMILIES: Readonly<Record<string, 4 | 6>> = { inet: 4, ipv4: 4, inet6: 6, ipv6: 6 };
/** Words of `ip netconf`, and what sysctl calls them. */
const NETCONF = { forwarding: 'forwarding', rp_filter: 'rp_filter', proxy_neigh: 'proxy_arp' } as const;

/** `ip netconf`: `inet cni0 forwarding off rp_filter off …`, in some versions with `dev` before the name. */
export const netconf: Reader = {
  tool: 'ip netconf',
  take(at, words, { node }) {
    const family = known(FAMILIES, words[0] ?? '');
    const device = words[1] === 'dev' ? words[2] : words[1];
    if (family === undefined || device === undefined || after(words, 'forwarding') === null) return false;
    for (const [word, key] of Object.entries(NETCONF)) {
      const value = known(SWITCHES, after(words, word) ?? '');
      if (value !== undefined) node.devices.push({ at, family, device, key, value });
    }
    return true;
  },
};

const KEY = /^(?:abi|crypto|debug|dev|fs|kernel|net|sunrpc|user|vm)\.[^\s=]+$/;
const CONF = /^net\.ipv([46])\.conf\./;
const DEVICE_KEYS: readonly DeviceSetting['key'][] = ['forwarding', 'rp_filter', 'proxy_arp'];

/** `sysctl -a`: `net.ipv4.conf.flannel/1.forwarding = 1`; dots of interface names stand as slashes. */
export const sysctl: Reader = {
  tool: 'sysctl',
  take(at, words, { node }) {
    const [name = '', equals] = words;
    if (equals !== '=' || !KEY.test(name)) return false;
    const value = numberOf(words[2]);
    if (value === null || words.length > 3) return true;
    const family = CONF.exec(name)?.[1];
    if (family === undefined) {
      node.figures.push({ at, name, value });
      return true;
    }
    const last = name.lastIndexOf('.');
    const key = DEVICE_KEYS.find((each) => each === name.slice(last + 1));
    const device = name.slice('net.ipv4.conf.'.length, last).replaceAll('/', '.');
    if (key !== undefined) node.devices.push({ at, family: family === '4' ? 4 : 6, device, key, value });
    return true;
  },
};

const COUNTER = /^[A-Z][A-Za-z0-9]{2,60}$/;
const RATE = /^\d+\.\d+$/;

/** Counters: `nstat -az` (`IpInAddrErrors  13  0.0`) and `conntrack -S` (one line a CPU). */
export const counters: Reader = {
  tool: 'nstat or conntrack -S',
  take(at, words, { node }) {
    if (words[0] === '#kernel' && words.length === 1) return true;
    if (words[0]?.startsWith('cpu=') === true && at.text.includes(' insert_failed=')) {
      for (const word of words.slice(1)) {
        const equals = word.indexOf('=');
        const value = numberOf(word.slice(equals + 1));
        if (equals > 0 && value !== null) node.figures.push({ at, name: `conntrack ${word.slice(0, equals)}`, value });
      }
      return true;
    }
    const [name = '', count, rate = ''] = words;
    const value = numberOf(count);
    if (words.length !== 3 || value === null || !COUNTER.test(name) || !RATE.test(rate)) return false;
    node.figures.push({ at, name, value });
    return true;
  },
};
