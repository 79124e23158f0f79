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
    title: 'A BGP speaker closes connections from an address that it does not know',
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
    title: 'Two BGP speakers do not sign their TCP segments in the same way',
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
  {
    id: 'bgp-route-not-announced',
    title: 'A route was withdrawn, and what it led to cannot be reached',
    severity: 'warning',
    meaning:
      'The session is up and one speaker took a route back: a block of pod addresses, or a service address. Until it is announced again, or another route covers it, packets to it find no way.',
    shown:
      'An UPDATE that withdraws a route; after it, requests to addresses in it get lost or refused with an ICMP error, and no other route captured covers them.',
    confirm:
      '$ birdcl show route for ADDRESS all\n$ calicoctl ipam show --show-blocks\nOn a GoBGP speaker: gobgp neighbor PEER adj-out.',
    confusedWith:
      'A route that a speaker outside the captures announces as well; a destination that is down, whose route is withdrawn because of that.',
  },
  {
    id: 'dns',
    title: 'A DNS server answers with a failure',
    severity: 'info',
    meaning:
      'The question arrived and the answer came back, so the network did its part: the server says SERVFAIL. Where the captures show why, the finding has a kind of its own (dns-servfail-upstream).',
    shown:
      'Responses with the code SERVFAIL; their questions and servers are counted. Three names or more make it a warning.',
    confirm: "$ kubectl -n kube-system logs -l k8s-app=kube-dns --tail 200 | grep -E 'i/o timeout|SERVFAIL|Loop'",
    confusedWith: 'NXDOMAIN, which is an answer: the name does not exist. One domain whose own servers are broken.',
  },
  {
    id: 'dns-conntrack-race-5s',
    title: 'One of two DNS questions sent at once is lost, and asked again seconds later',
    severity: 'error',
    meaning:
      'Resolvers send the questions for A and AAAA from one socket at the same moment. Both packets pass the translation of the service address before either has an entry in the connection table; the second entry clashes with the first, and its packet is dropped. The lookup then takes 5 s (glibc) or 2.5 s (musl). Newer kernels made it rarer and did not end it.',
    shown:
      'At the client: both questions within a millisecond from one port, one answered at once, the other one not until it is sent again after the usual wait. With a second point: only one of the two got there. Pairs that are lost as a whole speak against it.',
    confirm:
      'The counter moves with each loss:\n$ conntrack -S | grep insert_failed\nIt goes away with NodeLocal DNSCache, with DNS over TCP, or with `options single-request-reopen` in resolv.conf.',
    confusedWith:
      'A DNS server that is overloaded, which is late with either; loss on the overlay, which takes both; captures that drop packets.',
  },
  {
    id: 'dns-ndots-storm',
    title: 'Most lookups try search domains in which the name does not exist',
    severity: 'info',
    meaning:
      'A pod has ndots:5 and several search domains. A name with fewer dots is asked for in each of them first, for A and AAAA, and only then as it is. This is the normal setting and works; it multiplies the load on DNS and makes each loss more likely to be felt.',
    shown:
      'Lookups of one client within seconds for names that begin alike and end in different domains, answered NXDOMAIN, and then for the name alone.',
    confirm:
      '$ kubectl exec POD -- cat /etc/resolv.conf\nA dot at the end of a name avoids the search, and so does dnsConfig with ndots 2.',
    confusedWith: 'Names that are really wrong. NXDOMAIN by itself is an answer, not a fault.',
  },
  {
    id: 'dns-stale-backend',
    title: 'A client socket stays bound to a DNS server that is gone',
    severity: 'error',
    meaning:
      'The node remembers to which server it translated a socket. When that server goes away the memory stays as long as the client keeps asking, for UDP up to minutes, so that programs with one long-lived socket fail while new sockets work. Restarting the client helps, which misleads.',
    shown:
      'All queries of one client port are translated to one address that answers nobody in these captures, while queries of other ports to the same service go elsewhere and are answered.',
    confirm:
      '$ conntrack -L -p udp --orig-dst SERVICE --dport 53 | grep UNREPLIED\nIf it is so, remove the entry:\n$ conntrack -D -p udp --orig-dst SERVICE --dport 53 --reply-src DEAD',
    confusedWith: 'A server that is down for all; a server that is alive and whose answers are lost on the way.',
  },
  {
    id: 'dns-server-refused',
    title: 'DNS queries are answered with ICMP port unreachable',
    severity: 'warning',
    meaning:
      'No process listens on the port: the DNS server is stopping or has not started. If a node sends the error, the service has no endpoint that is ready, and its rules reject.',
    shown: 'An ICMP error, type 3 code 3, that quotes a query; its source says who refuses.',
    confirm: '$ kubectl -n kube-system get pod,endpointslice -l k8s-app=kube-dns -o wide',
    confusedWith:
      'The same error sent by a client and quoting an answer: then the answer came too late, or from another address than the one asked.',
  },
  {
    id: 'dns-servfail-upstream',
    title: 'The DNS server cannot get an answer from its upstream server',
    severity: 'warning',
    meaning:
      'Names of the cluster are answered, names outside go to an upstream server, which does not answer or fails. The client gets SERVFAIL after the time-outs of the server in between.',
    shown:
      'At the DNS server: the query of the client, the same question from the server to its upstream, no answer to that or SERVFAIL, and SERVFAIL to the client.',
    confirm:
      "$ kubectl -n kube-system logs -l k8s-app=kube-dns --tail 200 | grep -E 'i/o timeout|SERVFAIL|Loop'\n$ kubectl -n kube-system get cm coredns -o yaml | grep -A2 forward",
    confusedWith:
      'A domain whose own servers are broken, where other names outside work; a forwarding loop, where the server asks itself.',
  },
  {
    id: 'dns-slow-upstream',
    title: 'The upstream DNS server answers late, or not while it was captured',
    severity: 'warning',
    meaning: 'The time that clients wait is spent between the DNS server of the cluster and the server that it asks.',
    shown:
      'At the DNS server: the query of the client and the same question to its upstream, which is answered after more than a second.',
    confirm: '$ dig @UPSTREAM NAME +tries=1 +time=5\nSome clouds drop DNS packets of an interface above a rate.',
    confusedWith: 'A DNS server that is itself overloaded: then the question leaves it late.',
  },
  {
    id: 'dns-truncated-no-tcp',
    title: 'An answer is too large for UDP, and the client does not get it over TCP',
    severity: 'warning',
    meaning:
      'The server sets the truncated bit, which asks the client to come again over TCP. Either the client does not, or TCP port 53 is not let through, because a policy or security group names UDP only.',
    shown:
      'A truncated answer, and after it a SYN to port 53 that nobody answers, or no TCP at all at a point that does show TCP. A capture of UDP only proves nothing.',
    confirm: "$ dig +tcp @SERVER NAME\n$ kubectl get networkpolicy -A -o yaml | grep -B3 -A3 'port: 53'",
    confusedWith: 'Clients that are content with the part of the answer that did fit.',
  },
  {
    id: 'dns-big-answer-fragment-lost',
    title: 'Fragments of large DNS answers are lost on the way',
    severity: 'warning',
    meaning:
      'An answer larger than the path travels in fragments; only the first has ports. Firewalls, some NAT boxes and some clouds drop the others, and one missing fragment voids the whole answer. Small answers work.',
    shown:
      'The first fragment of an answer from port 53 is seen at both points, a later one at the first point only, while the second one was able to show it.',
    confirm:
      '$ dig +bufsize=1232 @SERVER NAME\n$ nstat -az IpReasmFails\nThe usual cure is `bufsize 1232` in the configuration of CoreDNS.',
    confusedWith: 'A capture filter on port 53, which hides every fragment but the first.',
  },
  {
    id: 'dns-first-symptom',
    title: 'DNS fails because the network below it does',
    severity: 'info',
    meaning:
      'Every connection begins with a lookup, so that a broken overlay is reported as broken DNS. Where other packets are lost at the same place, DNS is a consequence: repair the path first.',
    shown: 'DNS messages and other packets are last seen at the same point and are missing at the same next one.',
    confirm:
      'Ask the server by its pod address, then send anything else the same way:\n$ dig @SERVER-POD-ADDRESS kubernetes.default.svc.cluster.local\n$ ping SERVER-POD-ADDRESS',
    confusedWith: 'A fault of DNS itself, where everything else passes at the same time.',
  },
];
