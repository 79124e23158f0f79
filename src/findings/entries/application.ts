import type { CatalogueEntry } from './entry.js';

/** DNS and BGP. */
export const APPLICATION_ENTRIES: readonly CatalogueEntry[] = [
  {
    id: 'bgp',
    title: 'A BGP session ended with an error that one side reports',
    severity: 'error',
    meaning:
      'One speaker sent a NOTIFICATION and closed the session. Its two numbers name the reason; those that are common in clusters have kinds of their own (bgp-open-rejected, bgp-hold-timer-expired, bgp-admin-reset, bgp-collision).',
    shown: 'The NOTIFICATION itself, with its sender.',
    confirm:
      "The log of the speaker that sent it says more:\n$ kubectl -n calico-system logs ds/calico-node | grep -iE 'bird|bgp'",
    confusedWith: 'What ended the TCP connection afterwards: the RST or FIN behind a NOTIFICATION is its consequence.',
  },
  {
    id: 'bgp-unknown-peer-reset',
    title: 'A BGP speaker closes connections from an address that is not one of its neighbours',
    severity: 'error',
    meaning:
      'The TCP connection is accepted, because the port is open to all, and is then closed without a BGP message, because no neighbour with that source address is configured. Usually the node registered another address than the one it calls from: NAT between the nodes, or an address that was detected on the wrong interface.',
    shown:
      'Handshake, OPEN of the caller, then a RST or FIN by the socket of the called side within a second, which has sent no octet; no other connection of the two is up at that time. With captures on both sides of the translation the caller has two addresses, and it is certain.',
    confirm:
      "On the node that closes, look for the address in its log, and compare with what is registered:\n$ kubectl -n calico-system logs ds/calico-node | grep -i 'unknown address'\n$ calicoctl get node -o wide\n$ calicoctl node status",
    confusedWith:
      'bgp-collision, where one of two connections is closed in the same way and the other one works; health checks, which connect to the port and send no OPEN; a RST by a firewall, whose TTL is not that of the speaker.',
  },
  {
    id: 'bgp-no-answer',
    title: 'Nobody answers on the BGP port',
    severity: 'error',
    meaning:
      'SYNs to port 179 get no answer, or an ICMP error. Either the port is filtered, or there is no way back, or the speaker drops them in silence because their signature or their hop count is not what it wants.',
    shown:
      'The SYN was sent more than once and neither a SYN,ACK nor a RST came back, though nothing shows that it was lost on the way; or an ICMP error quotes it.',
    confirm:
      'From the caller, then on the speaker:\n$ nc -vz PEER 179\n$ ss -lnt sport = :179\n$ nstat -az | grep -E "TCPMD5|TCPMinTTLDrop"',
    confusedWith:
      'bgp-md5-mismatch and bgp-ttl-security, which give the same silence. A RST to the SYN is none of these: the speaker is not running.',
  },
  {
    id: 'bgp-md5-mismatch',
    title: 'One BGP speaker signs its TCP segments and the other does not, or not with the same password',
    severity: 'error',
    meaning:
      'With TCP MD5 or TCP-AO the kernel checks each segment before the speaker sees it, and drops what is not signed right, without an answer. The signature covers the addresses, so that it never survives address translation.',
    shown:
      'SYNs that nobody answers, while the two sides differ in the option (19 or 29) that their SYNs carry. If only one side was captured it stays a candidate among others.',
    confirm:
      '$ nstat -az | grep TCPMD5\n$ dmesg | grep "MD5 Hash"\n$ calicoctl get bgppeer -o yaml | grep -i -A3 password',
    confusedWith:
      'bgp-ttl-security and a firewall, which are silent too. Other neighbours of the same speaker work in all three cases.',
  },
  {
    id: 'bgp-ttl-security',
    title: 'A BGP speaker drops segments that seem to come from too far away',
    severity: 'error',
    meaning:
      'With TTL security (RFC 5082) both sides send with TTL 255 and drop what arrives with less than 255 minus the hops allowed. If only one side is configured so, it drops the other one in silence.',
    shown: 'SYNs with a usual TTL that nobody answers, while the other side itself sends with TTL 255.',
    confirm: '$ nstat -az TcpExtTCPMinTTLDrop\n$ calicoctl get bgppeer -o yaml | grep -i ttlSecurity',
    confusedWith: 'bgp-md5-mismatch and a firewall, which are just as silent.',
  },
  {
    id: 'bgp-ebgp-multihop-ttl1',
    title: 'A BGP connection with TTL 1 has to cross a router',
    severity: 'error',
    meaning:
      'Between different AS numbers a speaker sends with TTL 1 unless the neighbour is configured as multihop. The first router on the way discards such a packet.',
    shown: 'The SYN to port 179 has TTL 1, and a router answers with ICMP time exceeded that quotes it.',
    confirm:
      '$ birdcl show protocols all\n$ ip route get PEER\n$ calicoctl get bgppeer -o yaml | grep -iE "peerIP|ttlSecurity"',
    confusedWith:
      'A routing loop, where a SYN sent with 64 hops uses them all up. A neighbour on the same link, for whom TTL 1 is right.',
  },
  {
    id: 'bgp-open-rejected',
    title: 'A BGP speaker does not accept the OPEN of its neighbour',
    severity: 'error',
    meaning:
      'The neighbours reach each other and disagree: the AS number is not the one configured, both have the same identifier, or hold time or capabilities are not acceptable. The session cannot come up until one of the two is changed.',
    shown:
      'A NOTIFICATION with code 2; its subcode names the disagreement, and the OPENs on both sides show the values. AS 23456 in the header stands for a number that needs four octets, which is then in a capability.',
    confirm: "$ calicoctl get bgpconfig,bgppeer,node -o yaml | grep -iE 'asNumber|peerIP'\n$ birdcl show protocols all",
    confusedWith: 'bgp-unknown-peer-reset, where the called side says nothing at all.',
  },
  {
    id: 'bgp-hold-timer-expired',
    title: 'A BGP session ended because one side heard nothing from the other for too long',
    severity: 'error',
    meaning:
      'KEEPALIVEs come three times in a hold time. The side that sends the NOTIFICATION has read none for that long: they were lost, wait behind a large UPDATE that never arrives, or arrived at a process that got no time to read them.',
    shown:
      'A NOTIFICATION with code 4; the hold time is the smaller one of both OPENs. The last message of the other side, and where it was seen, tell the cases apart: messages up to the end mean a starved process, a large segment sent again and again means a path too narrow.',
    confirm:
      'By cause:\n$ kubectl -n calico-system top pod\n$ ping -M do -c 3 -s 1472 PEER\n$ nstat -az | grep -iE "retrans|timeout"',
    confusedWith: 'A restart of the other side, which closes the TCP connection before the timer expires.',
  },
  {
    id: 'bgp-admin-reset',
    title: 'A BGP session was ended by configuration or by an operator',
    severity: 'warning',
    meaning:
      'The speaker was told to: shutdown, reset, neighbour removed, or another change of its configuration. Its routes are withdrawn until the session is up again; connections to addresses announced by it may be reset or go elsewhere. Once is somebody at work; again and again is a fault.',
    shown: 'A NOTIFICATION Cease with subcode 2, 3, 4 or 6, with the text that the operator may have written into it.',
    confirm: "$ kubectl -n calico-system logs ds/calico-node | grep -iE 'bird|bgp'\n$ calicoctl node status",
    confusedWith: 'bgp-flap, where the session ends without a NOTIFICATION.',
  },
  {
    id: 'bgp-flap',
    title: 'A BGP session was up and ended without a word',
    severity: 'warning',
    meaning:
      'The TCP connection of a session that worked was closed or reset. The speaker was stopped, restarted or killed, or its host forgot the connection. Routes learnt from it disappear unless graceful restart holds them.',
    shown: 'KEEPALIVEs or UPDATEs of both sides, then a FIN or RST and no NOTIFICATION before it.',
    confirm:
      '$ kubectl -n calico-system get pod -l k8s-app=calico-node -o wide\n$ journalctl -u bird -u gobgpd -u frr --since -1h',
    confusedWith: 'bgp-admin-reset and bgp-hold-timer-expired, where a NOTIFICATION says why.',
  },
  {
    id: 'bgp-collision',
    title: 'Two BGP speakers called each other at the same time and gave one connection up',
    severity: 'info',
    meaning:
      'Both neighbours open a connection; only one can stay (RFC 4271 section 6.8). It is normal when speakers start.',
    shown:
      'Two connections in opposite directions at the same time, one of which ends with Cease, Connection Collision Resolution, or is closed in silence, while the other one comes up.',
    confirm: '$ birdcl show protocols all\n$ calicoctl node status',
    confusedWith: 'bgp-unknown-peer-reset, where no connection of the two ever comes up.',
  },
];
