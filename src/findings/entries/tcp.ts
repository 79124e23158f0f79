import type { CatalogueEntry } from './entry.js';

/** TCP connections and address translation. */
export const TCP_ENTRIES: readonly CatalogueEntry[] = [
  {
    id: 'reset',
    title: 'A connection was ended by a RST whose reason the packets leave open',
    severity: 'warning',
    meaning:
      'A stack sends a RST without a socket when it has no connection with these addresses and ports. In the middle of a connection that means that its state is gone, or that the segment came to another machine than the ones before it. The causes are ranked.',
    shown:
      'The RST takes its number from the segment it answers, which the evidence names. It has no options, no window and, with Linux, no IP identifier: no application made it.',
    confirm:
      'Capture on both sides of each director, router and translator between the two ends, and see where the RST appears first:\n$ tcpdump -ni any "tcp[tcpflags] & tcp-rst != 0"',
    confusedWith:
      'An application that aborts (rst-app-close), whose RST has options, a window and the next identifier of its connection.',
  },
  {
    id: 'rst-no-listener',
    title: 'Nobody listens at this port',
    severity: 'warning',
    meaning:
      'The SYN arrived, and the stack at the destination has no socket for it. The process is down or not yet ready, listens on another port or on another address, or the target port of the service is wrong. A single refusal may be a probe and is told as information.',
    shown:
      "A RST with number 0 acknowledges the SYN. It has passed as many hops as the destination's other packets, or it first appears at the destination's own interface.",
    confirm:
      'In the network namespace of the destination, then whether the service names the right port:\n$ nsenter -t PID -n ss -lnt\n$ kubectl get endpointslice -A -o wide',
    confusedWith:
      'rst-firewall-reject, which is the same octet for octet but for the TTL and the place where it appears; a pod that is just starting.',
  },
  {
    id: 'rst-firewall-reject',
    title: 'A firewall on the way refuses connections with a RST in the name of the server',
    severity: 'warning',
    meaning:
      'A rule that rejects with a TCP reset makes a packet that looks as if the server had sent it. The server never sees the SYN. Network policies of some plugins do so, and so do rules written by hand.',
    shown:
      "The RST has passed fewer hops than the server's own packets at the same point, or it starts where the SYN was last seen while nothing of either is at the server's interface.",
    confirm: '$ iptables-save -c | grep -i reject\n$ nft list ruleset | grep -n reject',
    confusedWith:
      'rst-no-listener. Where only one point was captured and no other packet of the server is known, the two cannot be told apart.',
  },
  {
    id: 'svc-no-endpoints',
    title: 'A service has no backend, and the node refuses what is sent to it',
    severity: 'error',
    meaning:
      'kube-proxy rejects packets to a service without ready endpoints. The client gets "connection refused" though no RST is on the wire. With traffic policy Local and no endpoint on this node the packets are dropped without an answer instead.',
    shown:
      'An ICMP port unreachable quotes the SYN. It comes from a node, not from the address that the client called, and no translated copy of the SYN is seen.',
    confirm:
      '$ kubectl get endpointslice -A\n$ kubectl get pods -A -o wide\n$ iptables-save -c | grep -E "has no (local )?endpoints"',
    confusedWith: 'host-firewall-reject: a rule that rejects without naming a type sends the same ICMP error.',
  },
  {
    id: 'rst-app-close',
    title: 'An application ended its connection with a RST',
    severity: 'info',
    meaning:
      'The socket was closed while data was still unread, with linger 0, or its process was killed. That is a matter of the application, not of the network.',
    shown:
      'The RST has the options that both ends agreed on, a window, and the next IP identifier and number of its connection; it has passed as many hops as the packets before it.',
    confirm:
      'Read the log of that application at this time, and what became of its process:\n$ kubectl describe pod POD',
    confusedWith:
      'A BGP speaker that refuses a neighbour in this way (bgp-unknown-peer-reset); health checks, which open a connection and drop it and are left alone.',
  },
  {
    id: 'rst-data-after-close',
    title: 'Data came after the other end had closed',
    severity: 'info',
    meaning:
      'One end closed, and later the other one sent more on the same connection. With HTTP it is the race between a server that closes idle connections and a client that takes one again; the client should try again or give connections up earlier.',
    shown:
      'A FIN, a silence that the finding measures, data in the other direction, and a RST with the number of that data.',
    confirm: 'Compare the idle time-outs of both applications with the silence:\n$ ss -tno state fin-wait-2',
    confusedWith: 'Protocols that close one direction on purpose and go on in the other.',
  },
  {
    id: 'rst-backend-switched',
    title: 'A connection went on at a host that never saw it opened',
    severity: 'error',
    meaning:
      'Routes, directors or backends changed while connections were open: a leaf switch went to the other top-of-rack router, a director failed over, connection tracking was flushed. The host that gets the rest of a connection knows nothing of it. Such resets come in pulses, at the moment of the change.',
    shown:
      'A segment in the middle of a connection is the first that one host sees of it, and is answered with a RST, while another host had opened it. With one capture only: the RST comes from another MAC address than the segments before it. SYN, FIN and RST of the service are counted, and a pulse is named.',
    confirm:
      'On the routers and directors in front of the service:\n$ ip route show VIP\n$ ipvsadm -lnc | grep CLIENT\n$ sysctl net.ipv4.fib_multipath_hash_policy',
    confusedWith: 'rst-idle-expired, where a silence comes first; rst-firewall-reject.',
  },
  {
    id: 'rst-idle-expired',
    title: 'The state of an idle connection had expired on its way',
    severity: 'error',
    meaning:
      'Directors, translators and cloud load balancers forget connections that are silent for long enough: IPVS after 900 s, the load balancers of AWS after 350 s and of Azure after 240 s. The next data is answered with a RST, mostly by the box itself. Keep-alives more often than that keep the connection.',
    shown:
      'A silence, then data, then a RST that answers this data. Three silences of about the same length make it sure, and the timer that fits is named.',
    confirm:
      '$ ipvsadm -l --timeout\n$ sysctl net.netfilter.nf_conntrack_tcp_timeout_established\n$ sysctl net.ipv4.tcp_keepalive_time',
    confusedWith: 'A server that was restarted during the silence; rst-data-after-close, where a FIN came first.',
  },
  {
    id: 'rst-one-way-conntrack',
    title: 'A box that sees one direction of connections resets them after short silences',
    severity: 'error',
    meaning:
      'With direct server return a director sees only what clients send. Connection tracking on it holds half a connection, takes segments for invalid or forgets them early; they are then not passed on, end at the service address of the director itself, and its kernel resets them. Nodes that are director and backend at once suffer most.',
    shown:
      'At the point of the director only one direction of the connection is seen, and after some seconds of silence a RST that starts there.',
    confirm:
      '$ sysctl net.ipv4.vs.conntrack net.netfilter.nf_conntrack_tcp_be_liberal net.netfilter.nf_conntrack_tcp_loose\n$ conntrack -L -d VIP | grep -c UNREPLIED\n$ iptables-save -c | grep 0x4000',
    confusedWith: 'rst-idle-expired, whose silences are a minute and longer; a capture that missed one direction.',
  },
  {
    id: 'rst-injected',
    title: 'Somebody on the path made a RST in the name of an endpoint',
    severity: 'error',
    meaning:
      'An intrusion prevention system, a censor or a broken load balancer ends connections by RSTs that it makes up. The endpoint in whose name they are sent does not know of them and goes on.',
    shown:
      'The RST has another TTL than the packets of that endpoint, does not follow its IP identifiers or lacks its options, and genuine packets of the endpoint come after it. All of this together; a missing identifier alone proves nothing.',
    confirm: 'The distance of who made it is the initial TTL less the one seen:\n$ traceroute -T -p PORT ADDRESS',
    confusedWith: "The cluster's own firewalls (rst-firewall-reject); routes that changed, which change the TTL too.",
  },
  {
    id: 'half-open-syn',
    title: 'A SYN on ports whose connection the server still holds open',
    severity: 'warning',
    meaning:
      'The server has a connection with these addresses and ports that the client no longer knows: the client was restarted, its pod was replaced under the same address, or a translator gave its port to somebody else. The server answers with the numbers of the old connection; the client resets that and tries again, which costs up to a second.',
    shown:
      'A SYN with a new number in a connection that neither side had closed, an acknowledgement of something else than this SYN, and mostly a RST of the client with the number of that answer.',
    confirm: 'Where the server listens:\n$ ss -tn | grep CLIENT',
    confusedWith: 'syn-to-timewait, where both sides had closed.',
  },
  {
    id: 'syn-to-timewait',
    title: 'A SYN on ports that were closed a moment before',
    severity: 'warning',
    meaning:
      'The side that closed first remembers a connection for 60 s. A SYN on the same ports is taken when its numbers are newer, and answered with the old numbers when they are not. Clients behind one translated address, and clients that open very many connections, meet this.',
    shown:
      'Both sides had sent a FIN within the last two minutes, then comes a SYN, and the answer acknowledges the old connection, not the SYN.',
    confirm:
      '$ ss -tan state time-wait | wc -l\n$ conntrack -L -p tcp --state TIME_WAIT | wc -l\n$ sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse',
    confusedWith:
      'A SYN that the server accepts at once on ports in TIME_WAIT: that is as it should be, and silent here.',
  },
  {
    id: 'port-reuse-challenge-ack',
    title: 'A SYN answered with the numbers of a connection that was not captured',
    severity: 'warning',
    meaning:
      'The server has, or remembers, a connection on the same addresses and ports. As its packets were not captured, it may be open (half-open-syn) or closed a while ago (syn-to-timewait). Behind a translator, two clients share one address and one gets the port of the other too soon.',
    shown: 'An acknowledgement without SYN answers a SYN, and acknowledges something else than this SYN.',
    confirm: '$ ss -tan | grep CLIENT\n$ conntrack -L -p tcp -s CLIENT',
    confusedWith: 'An answer that belongs to a SYN sent before the capture began.',
  },
  {
    id: 'tcp-zero-window',
    title: 'A receiver announces that it has no room: its application does not read',
    severity: 'info',
    meaning:
      'The data has arrived and waits in the buffer of the receiver. The sender may not go on until the application reads. The network does what it should.',
    shown:
      'The receiver acknowledges with a window of 0 for a second or longer. Only 0 counts, because the scale of other values is known only with the SYN.',
    confirm: 'Recv-Q grows in the network namespace of the receiver:\n$ ss -tnmi dst PEER',
    confusedWith: 'Short closures, which are ordinary flow control.',
  },
  {
    id: 'tcp-syn-backlog-drop',
    title: 'A listener whose queue is full drops SYNs without an answer',
    severity: 'error',
    meaning:
      'The application accepts connections more slowly than they come, or not at all. Once its queue is full, the kernel drops further SYNs, and clients try again after one second, two, four.',
    shown:
      'SYNs to a port are sent again and never answered, while the same port accepted others within seconds. Where they are seen at the interface of the server, nothing on the way has lost them.',
    confirm:
      'In the network namespace of the server; the counters move with each SYN dropped:\n$ nstat -az TcpExtListenOverflows TcpExtListenDrops\n$ ss -lnt',
    confusedWith: 'conntrack-table-full on a node before the server, and a firewall that limits rates.',
  },
  {
    id: 'tcp-handshake-asym',
    title: "The client's ACK that ends the handshake does not reach the server",
    severity: 'warning',
    meaning:
      'SYN and SYN,ACK arrive, and the ACK and all data after it do not. The client takes the connection for open and sends; the server waits, sends its SYN,ACK again after one, three, seven seconds, and gives up. Something on the way lets only the first packet through: a firewall that sees one direction only, or two paths.',
    shown:
      "At one point the client's ACK is seen before the SYN,ACK comes again; at another one, nearer to the server, only the SYN and the SYN,ACKs, while ACKs of other clients pass there.",
    confirm:
      'On the nodes between the two points:\n$ conntrack -S\n$ iptables-save -c | grep INVALID\n$ ip route get CLIENT from SERVER',
    confusedWith:
      'A SYN,ACK that is lost on its way back: then the client sends its SYN again, and the reply is told as lost. Servers that wait for data before they accept (TCP_DEFER_ACCEPT): there the ACK arrives.',
  },
  {
    id: 'tcp-keepalive-dead',
    title: 'Nobody answers the keep-alives of a connection',
    severity: 'info',
    meaning:
      'One end probes whether the other is still there, and hears nothing. The peer is gone without a word, as when its node was switched off or its pod deleted, or one direction is lost.',
    shown:
      'Three or more segments with the number before the next one and at most one octet, and nothing from the peer.',
    confirm: 'See at which point they stop:\n$ tcpdump -ni any "host PEER and port PORT"',
    confusedWith: 'Probes of a window that is closed (tcp-zero-window), which are answered.',
  },
  {
    id: 'conntrack-table-full',
    title: 'A node has no room for further connections in its table',
    severity: 'error',
    meaning:
      'Connection tracking drops the first packet of each new connection once its table is full, while those it knows pass. It comes in waves, and DNS suffers first.',
    shown: 'New connections are lost on a node in the same second in which packets of old ones pass.',
    confirm: '$ conntrack -C\n$ sysctl net.netfilter.nf_conntrack_max\n$ dmesg | grep "nf_conntrack: table full"',
    confusedWith: 'A policy, which does not depend on the load; a full queue of a listener.',
  },
  {
    id: 'nat',
    title: 'A reply does not carry the inverse of the translation of its request',
    severity: 'error',
    meaning:
      'The request was translated on its way, and the reply comes back under an address that the client never called. The client answers it with a RST, and the connection never opens.',
    shown:
      'At one point, a SYN to one address and a SYN,ACK from another one that acknowledges exactly this SYN, answered with a RST.',
    confirm:
      'Replies must pass the node that translated the request; those between pods of one bridge are translated back only with br_netfilter:\n$ sysctl net.bridge.bridge-nf-call-iptables\n$ ip route get CLIENT from SERVER',
    confusedWith:
      'Captures on a bridge, which show packets after translation in one direction and before it in the other, though nothing is wrong. Ordinary translation is never a finding.',
  },
  {
    id: 'dns-unexpected-source',
    title: 'The reply comes from the address of a pod instead of the service that was asked',
    severity: 'error',
    meaning:
      'Resolvers drop a reply from another address than the one they asked. It happens when client and DNS pod are on one node and br_netfilter is not in use: the query is routed and translated, the reply is only bridged and never translated back. Clients on other nodes see nothing of it.',
    shown:
      "At the client's own interface, a query to one address and a reply with the same identifier and ports from another one. Mostly the client answers it with ICMP port unreachable. A reply with an undiminished TTL was bridged.",
    confirm:
      '$ sysctl net.bridge.bridge-nf-call-iptables\n$ lsmod | grep br_netfilter\nIf it is off:\n$ modprobe br_netfilter && sysctl -w net.bridge.bridge-nf-call-iptables=1',
    confusedWith:
      'On the bridge of a sound node the query shows the address of the pod and the reply that of the service: translation happens before that tap.',
  },
  {
    id: 'asymmetric-return',
    title: 'The reply takes another way than its request came',
    severity: 'warning',
    meaning:
      'Replies leave by another interface or node than requests came in by. That is no error in itself; it hurts where a node on one of the two ways filters by state, translates, or checks the way back to the source.',
    shown:
      'The request is seen at one interface of a node, its reply at another, or the reply lacks the inverse translation.',
    confirm: '$ ip rule\n$ ip route get CLIENT from SERVER',
    confusedWith: 'Balanced links, where packets of one connection still take one way in each direction.',
  },
  {
    id: 'conntrack-invalid-leak',
    title: 'A segment of a translated connection passed untranslated, and broke it',
    severity: 'error',
    meaning:
      'Connection tracking takes a segment outside the window, or of a connection it no longer knows, for INVALID and does not translate it. It reaches the client under the address of the pod; the client knows no such connection and sends a RST to the pod, which then ends the real one. Large transfers under load see it as sporadic resets.',
    shown:
      'At one point, a connection with a service, a segment from another address whose acknowledgement fits exactly that connection, and a RST of the client in answer to it.',
    confirm:
      '$ conntrack -S | grep -o "invalid=[0-9]*"\nEither of these ends it; kube-proxy from 1.15 on has the rule:\n$ iptables-save | grep "ctstate INVALID -j DROP"\n$ sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1',
    confusedWith:
      'Two connections of one client port to a service and to a pod; taps that show both forms of a packet, before and after translation. What comes after a RST is its aftermath.',
  },
  {
    id: 'hairpin-missing-snat',
    title: 'A pod that calls its own service gets its own address as the source',
    severity: 'warning',
    meaning:
      'The service sent the pod to itself. Without masquerade the packet comes back with the address of the pod at both ends, and the kernel of the pod drops it. Other pods reach the service.',
    shown:
      'A SYN to the service leaves the pod, comes back with source and destination both the pod, and is never answered.',
    confirm: '$ iptables-save -t nat -c | grep -E "KUBE-SEP.*MARK-MASQ"\n$ sysctl net.bridge.bridge-nf-call-iptables',
    confusedWith:
      'hairpin-off. On the bridge of a sound node the same packet is seen before its source is translated, and is answered.',
  },
  {
    id: 'hairpin-off',
    title: 'A bridge does not give a frame back to the port it came from',
    severity: 'warning',
    meaning:
      'A pod that calls its own service is translated to itself on the bridge, and the frame has to go out of the port it came in by. A port without hairpin mode drops it there.',
    shown: 'The bridge shows the translated SYN with the TTL it was sent with, and the interface of the pod does not.',
    confirm: '$ bridge -d link show\n$ cat /sys/class/net/cni0/brif/*/hairpin_mode',
    confusedWith: 'hairpin-missing-snat, where the SYN does come back to the pod.',
  },
  {
    id: 'nat-missing-masquerade',
    title: 'Packets leave the cluster with the address of a pod',
    severity: 'error',
    meaning:
      'Nobody outside knows a way back to the address of a pod, so no answer comes. The rule that masquerades pods is missing on this node, or its order is wrong. The node itself reaches the same destination.',
    shown:
      'Requests to an address outside are on the underlay interface bare and with the address of the pod, are sent again, and nothing from that destination is seen anywhere.',
    confirm:
      '$ iptables-save -t nat | grep -E "MASQUERADE|cali-nat-outgoing|FLANNEL"\n$ kubectl get ippool -o yaml | grep natOutgoing',
    confusedWith:
      'Clusters whose pods have addresses that the network outside can route; gateways that translate for the pods.',
  },
  {
    id: 'nat-tuple-clash',
    title: 'Two connections of one client port become the same after translation',
    severity: 'warning',
    meaning:
      'A client uses one port for a connection to a service and for one to the pod behind it, which is legitimate. After translation both have the same addresses and ports, so that one gets another source port or is not let through.',
    shown:
      'Two SYNs with different numbers from one address and port, one to a service, one to the pod that this service is translated to, and no answer to the second.',
    confirm: '$ conntrack -L -s CLIENT | grep PORT',
    confusedWith: 'A backend that fails on its own.',
  },
  {
    id: 'snat-port-exhaustion',
    title: 'One address uses up its source ports towards one destination',
    severity: 'error',
    meaning:
      'Each connection to the same destination and port needs a source port of its own, and a port rests for a minute after closing. Linux gives 28232 of them to an address; NAT gateways give fewer. When they are used up, new connections fail or wait.',
    shown:
      'Within one minute, one source opened connections to one destination and port from most of the ports there are.',
    confirm:
      '$ ss -s\n$ sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse\nConnections that are kept and used again need fewer ports.',
    confusedWith: 'Scans and load tests, which mean it.',
  },
  {
    id: 'ephemeral-port-exhaustion',
    title: 'A client has no source port left and waits for one to come back',
    severity: 'error',
    meaning:
      'Whoever closes a connection first keeps its port for a minute (TIME_WAIT). A client that opens and closes connections to one address and port faster than that runs out of ports: connect() fails with EADDRNOTAVAIL, and nothing of it is on the wire. The network is not to blame.',
    shown:
      'The client takes every port of a range, each for one connection that it closes first, then opens none, and goes on with ports of the same range as soon as the first has rested for a minute.',
    confirm:
      '$ sysctl net.ipv4.ip_local_port_range net.ipv4.tcp_tw_reuse\n$ ss -tan state time-wait | wc -l\nConnections that are kept and used again need fewer ports.',
    confusedWith:
      'A job that runs once a minute; snat-port-exhaustion, where the ports of a NAT box run out and SYNs are lost behind it.',
  },
];
