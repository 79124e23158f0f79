import type { CatalogueEntry } from './entry.js';

/** Losses, what captures can be trusted with, and the causes of losses, in the order of the path. */
export const LOSS_ENTRIES: readonly CatalogueEntry[] = [
  {
    id: 'request-lost',
    title: 'A request was seen at one point and never at the next one on its way',
    severity: 'error',
    meaning:
      'The request vanished between the last point that saw it and the next captured point on its path. Whatever drops it sits between these two: a capture sees packets before the filters on the way in and after them on the way out.',
    shown:
      'The next point was being captured, was able to show this packet (same kind of traffic crossed it, its capture filter and snap length allow it, it dropped nothing) and has no packet that could be this one, not even with translated addresses.',
    confirm:
      'Repeat the request with a capture at every interface between the two points, tunnel device included, and start every capture before the first request:\n$ tcpdump -ni flannel.1 -w node1__flannel.1.pcap\nThen run the command printed under the likeliest cause.',
    confusedWith:
      'A point captured at another time, behind a capture filter, or on a path this packet does not take; a request that was rewritten by NAT; captures that bypass an interface (eBPF redirection, hardware offload). In these cases lasthop says unknown, not lost.',
  },
  {
    id: 'reply-lost',
    title: 'A reply was seen at one point and never at the next one on its way back',
    severity: 'error',
    meaning:
      'The request arrived and was answered, and the answer vanished on its way back. The server and the path towards it are sound; the fault is between the last point that saw the reply and the next captured point.',
    shown:
      'As for request-lost, on the way back. The reply is paired with the request that caused it, so that only answers that somebody waits for count.',
    confirm:
      'Look at the node where the reply was last seen: the forwarding switch of the interface it came in by, the filters, the route back, in the order of the causes printed:\n$ ip route get CLIENT from SERVER iif INTERFACE',
    confusedWith:
      'Replies that return by another interface or node which was not captured; replies whose source address is restored by NAT between two points; replies later than the end of a capture.',
  },
  {
    id: 'unanswered',
    title: 'A request got as far as the captures reach, and no reply was seen anywhere',
    severity: 'warning',
    meaning:
      'Nothing shows that the request was lost: it got as far as the captures reach. Either what lies behind the last point dropped it, or it was delivered and nobody answered.',
    shown:
      'The request is at every captured point of its path, and no captured point has a reply to it, a RST or an ICMP error.',
    confirm:
      'Capture inside the pod. A request there and no reply means that the application or its own filter is silent:\n$ nsenter -t PID -n tcpdump -ni eth0\n$ nsenter -t PID -n ss -lntup',
    confusedWith:
      'Traffic that expects no answer (syslog, statsd, most multicast); answers that leave by an interface that was not captured; captures that ended before the answer.',
  },
  {
    id: 'partial-loss',
    title: 'Packets of a flow are missing now and then, while the flow as a whole works',
    severity: 'warning',
    meaning:
      'Some packets were lost on the way and the exchange still succeeded, because they were sent again or were not needed. Users notice it as delay. Identical packets are counted as a group: so many of so many, never which one.',
    shown:
      'Packets of one direction are at a point and not at the next one, which shows others of the same flow before and after them and dropped nothing.',
    confirm:
      'Look for counters that move with the loss, on both sides of the place:\n$ ip -s link show INTERFACE\n$ nstat -az | grep -iE "drop|overflow|error"\n$ tc -s qdisc show dev INTERFACE',
    confusedWith:
      'A capture that drops packets itself (capture-not-trusted), and segments that the kernel or the card merges or cuts on the way, which are the same octets in other packets.',
  },
  {
    id: 'capture-damaged',
    title: 'A capture file is broken from some octet on',
    severity: 'warning',
    meaning:
      'The file ends inside a record, announces an impossible length or contradicts itself. Every frame before that place was used; what came after it is not known, and nothing is called lost because of it.',
    shown: 'The finding names the file, the octet where reading stopped and the last complete frame before it.',
    confirm:
      'A cut last record is what a copy of a running capture has. Stop the capture before copying it, or compare sizes on both sides:\n$ capinfos FILE',
    confusedWith: 'A file in a format that is no capture at all: that one is an error, not a finding.',
  },
  {
    id: 'capture-not-trusted',
    title: 'A capture cannot serve as proof that a packet was absent',
    severity: 'info',
    meaning:
      'The capture lacks packets that were certainly there, or could not have shown them: the capturing program dropped some, a capture filter or a short snap length hides them, or the interface is bypassed. Its silence proves nothing, so no loss is placed in front of it.',
    shown:
      'Packets seen both before and after this point on their path are missing from it; its drop counters moved; all its frames satisfy one narrow filter; or it acknowledges data that it does not have.',
    confirm:
      'Capture again without a filter, with whole packets and a larger buffer:\n$ tcpdump -ni INTERFACE -s 0 -B 65536 -w FILE',
    confusedWith:
      'Interfaces that eBPF or hardware offload skips: there the traffic is healthy and a better capture does not help. Look on the device before or behind it.',
  },
  {
    id: 'ip-forward-off',
    title: 'Forwarding is switched off on the interface by which packets enter',
    severity: 'error',
    meaning:
      'Linux asks the interface by which a packet comes in whether it may be routed on. With forwarding off there, the packet is freed without an ICMP error and without a log line. Reloading all sysctl files, a restart of the network manager and hardening scripts are the usual ways in which the switch flips.',
    shown:
      'Between two interfaces of one node every routed packet disappears, whatever its protocol, in one direction only, while the addresses of the node itself still answer. With a bridge, replies reach cni0 and stop there. With routed pods, the pod asks in vain for the MAC address of its gateway, because proxy ARP needs forwarding.',
    confirm:
      '$ ip netconf show dev INTERFACE\n$ sysctl net.ipv4.conf.INTERFACE.forwarding net.ipv4.conf.all.forwarding\nThe counter moves with every packet dropped in this way:\n$ nstat -az IpInAddrErrors',
    confusedWith:
      'forward-policy-drop, rp-filter-drop and netpol-drop are just as silent. Here everything that enters by one interface is lost; a policy spares some flows.',
  },
  {
    id: 'rp-filter-drop',
    title: 'The reverse-path filter refuses the source address on this interface',
    severity: 'error',
    meaning:
      'With rp_filter at 1, a packet is dropped when the route back to its source leaves by another interface than the one it came in by. The larger of the values for "all" and for the interface counts. Calico adds a check of its own for packets from pods, which the sysctl does not switch off.',
    shown:
      'Packets reach a node with more than one way to their source, and go no further; replies to the same source are seen on another interface. There is no ICMP error.',
    confirm:
      '$ nstat -az TcpExtIPReversePathFilter\n$ sysctl -a 2>/dev/null | grep "\\.rp_filter"\n$ ip route get SOURCE from DESTINATION iif INTERFACE',
    confusedWith:
      'ip-forward-off and a FORWARD policy look the same in packets. Asymmetric paths alone are no error: with rp_filter at 0 or 2 they work.',
  },
  {
    id: 'forward-policy-drop',
    title: 'The FORWARD chain drops what no rule accepts',
    severity: 'error',
    meaning:
      'Docker sets the policy of the FORWARD chain to DROP when it is the one that switches forwarding on; firewalld and ufw do so too. Everything the node routes for others is then dropped without a sign, while connections from and to the node itself work.',
    shown:
      'Packets of all pods and protocols stop at the first routed hop of the node, in both directions; pods on one bridge still reach one another.',
    confirm:
      'Look in both rule sets, the policy may differ:\n$ iptables-save -c | grep -E "^:FORWARD|DROP"\n$ iptables-legacy-save -c | grep "^:FORWARD"\n$ nft list ruleset | grep -n "hook forward"',
    confusedWith:
      "ip-forward-off. On routed pod interfaces ARP tells them apart: the pod still gets its gateway's MAC address when only FORWARD drops.",
  },
  {
    id: 'netpol-drop',
    title: 'A network policy denies this traffic',
    severity: 'warning',
    meaning:
      'Most network plugins drop denied packets without an answer, so that the client runs into its timeout. It may well be intended.',
    shown:
      "One pod, port or source fails while other flows take the same two points at the same time. Retries go the same way. With an egress policy packets stop on the sender's node, with an ingress policy in front of the receiving pod.",
    confirm:
      '$ kubectl get networkpolicy -A\n$ iptables-save -c | grep -E "cali-(tw|fw)-INTERFACE|DROP"\nCalico also has global policies (gnp); Antrea has antctl traceflow and Cilium has cilium monitor -t drop.',
    confusedWith:
      'Connections that existed before the policy live on, so "old ones work, new ones do not" is a policy or a full conntrack table. When everything is lost, it is no policy.',
  },
  {
    id: 'vxlan-fdb-missing',
    title: 'The tunnel device does not know to which node a packet goes',
    severity: 'error',
    meaning:
      'A VXLAN device of a cluster does not learn; the network plugin writes for each node an address (FDB) and a neighbour entry. Without them packets enter the device and nothing leaves the underlay interface. The plugin has not seen the other node, or did not finish.',
    shown:
      'Packets reach the tunnel device of the sending node and no tunnel packet leaves it. ARP requests on the tunnel device are a sign of their own: on a sound one there are none.',
    confirm: '$ bridge fdb show dev flannel.1\n$ ip neigh show dev flannel.1\n$ ip route get DESTINATION',
    confusedWith: 'An egress filter on the underlay interface, which drops what the device has already wrapped.',
  },
  {
    id: 'underlay-blocks-tunnel',
    title: 'The network between the nodes does not let tunnel packets pass',
    severity: 'error',
    meaning:
      'Tunnel packets leave one node and never reach the other, while SSH, the API and ping between the same nodes work. A security group, a provider or a firewall between them lacks a rule for the UDP port of the tunnel, or for protocol 4 with IPIP.',
    shown: 'Tunnel packets of every size are on the underlay interface of the sender and on none of the receiver.',
    confirm:
      'On the receiving node, while the other one sends:\n$ tcpdump -ni eth0 -c 5 "udp port 4789 or udp port 8472 or proto 4"\nTesting the port with nc tells nothing, since a tunnel does not answer.',
    confusedWith:
      'A wrong outer destination, which arrives elsewhere; a path too narrow for large packets, where small ones pass; hypervisors that take 4789 for their own tunnels.',
  },
  {
    id: 'ipip-blocked',
    title: 'The network between the nodes does not let IPIP pass',
    severity: 'error',
    meaning:
      'IPIP is IP protocol 4, which has no ports. Azure and DigitalOcean drop it, and so do security groups that name TCP, UDP and ICMP only. VXLAN passes there, since it is UDP.',
    shown:
      'Packets in IPIP leave the underlay interface of one node and are not seen at the other; they are all lost, whatever their size.',
    confirm: 'On the receiving node, while the other one sends:\n$ tcpdump -ni eth0 -c 5 "ip proto 4"',
    confusedWith:
      'A wrong outer destination, which arrives elsewhere; a path too narrow for large packets, where small ones pass.',
  },
  {
    id: 'ipip-source-not-allowed',
    title: 'The node drops IPIP from an outer source that it does not know as a peer',
    severity: 'error',
    meaning:
      'Calico accepts IPIP only from the addresses of nodes registered in the cluster, and drops all other before it is unwrapped; the rule stays when IPIP is turned off. A node behind NAT, or one that sends from its second address, is not in that set.',
    shown:
      'IPIP packets reach the underlay interface and nothing of them reaches tunl0 or the pods; their outer source is no address this node itself sends tunnel packets to.',
    confirm: '$ ipset test cali40all-hosts-net OUTER-SOURCE\n$ iptables-save -c | grep -i "ipip packets"',
    confusedWith: 'A host firewall that drops protocol 4 from everybody.',
  },
  {
    id: 'vxlan-source-not-allowed',
    title: 'The node drops VXLAN from an outer source that it does not know as a peer',
    severity: 'error',
    meaning:
      'Calico accepts packets to the VXLAN port only from the addresses of nodes registered in the cluster, and drops all others before they are unwrapped. A node behind NAT, or one that sends from its second address, is not in that set. The VNI and the packet inside play no part.',
    shown:
      'Tunnel packets reach the underlay interface, sound in every field, and nothing of them reaches the tunnel device or the pods; their outer source is no address this node itself sends tunnel packets to. All traffic from that source is lost, other sources pass.',
    confirm:
      '$ ipset test cali40all-vxlan-net OUTER-SOURCE\n$ iptables-save -c | grep -i "vxlan packets"\nIf the source is legitimate, allow it, and read vtep-return-unroutable first, because replies still go to the registered address:\n$ kubectl patch felixconfiguration default --type merge -p \'{"spec":{"externalNodesList":["OUTER-SOURCE/32"]}}\'',
    confusedWith:
      'host-firewall-drop, which is just as silent. It cannot be this one if packets from the same outer source are unwrapped at any time. Without a capture on the tunnel device, faults behind it look the same.',
  },
  {
    id: 'vxlan-vni-mismatch',
    title: 'The receiving node has no tunnel device with this VNI',
    severity: 'error',
    meaning:
      'The kernel accepts a VXLAN packet and finds no device for its network number, so it drops it without an answer. Two plugins, or two versions of one configuration, are in use: flannel has 1, Calico 4096.',
    shown:
      'Tunnel packets reach the underlay interface and not the tunnel device, and the node itself never sends with their VNI.',
    confirm: 'On both nodes:\n$ ip -d link show type vxlan | grep -E "vxlan id"',
    confusedWith:
      'Cilium puts an identity where others put one number for all, so that VNIs differ from packet to packet there.',
  },
  {
    id: 'vtep-source-nated',
    title: 'The outer source address of tunnel packets is rewritten between the nodes',
    severity: 'error',
    meaning:
      'A NAT gateway, or a masquerade rule on the node itself, changes the address from which tunnel packets seem to come. VXLAN does not survive this: each direction is a flow of its own to a fixed port, so the answer never matches the translation, and the receiver may refuse the unknown source.',
    shown:
      'The same inner packet is seen with one outer source on the sending node and with another one further on. From the receiving node alone: the outer source is not the node that owns the inner source address.',
    confirm:
      'On the sending node and on every gateway between:\n$ iptables-save -t nat | grep -E "MASQUERADE|SNAT"\n$ conntrack -L -p udp --dport 4789',
    confusedWith: "Nodes with several addresses, where the other address is the node's own and not a translation.",
  },
  {
    id: 'vtep-return-unroutable',
    title: 'Replies are tunnelled to a node address that the underlay cannot reach from here',
    severity: 'error',
    meaning:
      'A node sends tunnel packets to the address that the peer has registered in the cluster, not to the one the request came from. When that address is private or behind NAT, replies leave and never arrive, even though requests do.',
    shown:
      'For one inner flow, the outer destination of the replies differs from the outer source of the requests, and the replies are seen leaving and nowhere else; or a gateway answers them with an ICMP network or host unreachable that quotes the tunnel packet.',
    confirm:
      '$ ip route get OUTER-DESTINATION\n$ kubectl get node -o wide\n$ kubectl get node NODE -o jsonpath=\'{.metadata.annotations}\' | tr , "\\n" | grep -iE "IPv4Address|public-ip"',
    confusedWith: 'Asymmetric routing between nodes with several addresses, which works as long as both are reachable.',
  },
  {
    id: 'host-firewall-drop',
    title: "The node's own firewall drops tunnel packets without an answer",
    severity: 'error',
    meaning:
      'firewalld, ufw or a security agent filters the tunnel port on the way in. To a stateful firewall each direction of VXLAN is a new flow, because the source port is a hash, so "established" rules never let it pass; protocols without ports, such as IPIP and ICMP, do pass the same rules.',
    shown: 'Tunnel packets reach the underlay interface and not the tunnel device; nothing answers them.',
    confirm:
      '$ nft list ruleset | grep -nE "4789|8472|reject|drop"\n$ firewall-cmd --get-active-zones\n$ iptables-save -c | grep -E "4789|8472|DROP"',
    confusedWith:
      'vxlan-source-not-allowed, when Calico is in use; a bad outer checksum, a wrong VNI or a wrong inner MAC address, which are silent too.',
  },
  {
    id: 'host-firewall-reject',
    title: "The node's own firewall refuses tunnel packets with an ICMP error",
    severity: 'error',
    meaning:
      'As host-firewall-drop, but the rule rejects: the sender gets an ICMP destination unreachable, code 13, 10 or 9, that quotes its tunnel packet.',
    shown: 'The ICMP error comes from the receiving node itself, microseconds after the tunnel packet, and quotes it.',
    confirm: '$ nft list ruleset | grep -n reject\n$ firewall-cmd --get-active-zones\n$ tcpdump -ni eth0 "icmp[0]=3"',
    confusedWith:
      'ICMP port unreachable (code 3), which means that no tunnel device listens on that port. A capture filter on the VXLAN port hides these errors, and the kernel sends at most about one a second to a host.',
  },
  {
    id: 'route-blackhole',
    title: 'The address belongs to no pod any more, and a blackhole route swallows it',
    severity: 'warning',
    meaning:
      'Calico routes the whole block of a node into a blackhole and puts a more exact route over it for each pod. A packet to an address without a pod is dropped without an ICMP error. Whoever still sends there has a stale endpoint, name or connection.',
    shown:
      'Packets to one address arrive at the node that owns its block and go no further, and that address sends nothing in any capture.',
    confirm:
      '$ kubectl get pod -A -o wide | grep -w ADDRESS\n$ ip route get ADDRESS\n$ calicoctl ipam show --ip=ADDRESS',
    confusedWith: 'A pod that is there and silent: its own interface shows the packets. Capture there to tell.',
  },
  {
    id: 'pod-gone-arp-fail',
    title: 'Nobody answers ARP for the pod',
    severity: 'warning',
    meaning:
      "The node is the last hop and asks who has the pod's address; nobody answers. The pod is gone, its interface is down or attached elsewhere, or the neighbour table is full.",
    shown:
      "Three ARP requests about a second apart on the bridge or the pod's interface, no reply, and about three seconds after the first packet an ICMP host unreachable to its sender.",
    confirm: '$ ip neigh show dev INTERFACE | grep ADDRESS\n$ bridge fdb show br cni0\n$ crictl pods',
    confusedWith: 'An unreachable route, which answers with the same ICMP error at once and asks no ARP.',
  },
  {
    id: 'arp-gateway-unanswered',
    title: 'A pod gets no ARP answer from its gateway',
    severity: 'error',
    meaning:
      "Before it can send anything beyond its own link, the pod needs the MAC address of its gateway: 169.254.1.1 with Calico, the bridge's address elsewhere. Without an answer it receives requests and can never reply. With proxy ARP the node answers only if forwarding and proxy_arp are on for that interface and it has a default route.",
    shown:
      "The same ARP request from the pod every second, without a reply, on the pod's interface; requests come in, nothing goes out.",
    confirm:
      '$ sysctl net.ipv4.conf.INTERFACE.proxy_arp net.ipv4.conf.INTERFACE.forwarding\n$ ip route get 169.254.1.1',
    confusedWith: 'A pod that has just been started: its node may need up to a minute to set up the interface.',
  },
  {
    id: 'pod-silent',
    title: 'The pod gets the request and does not answer',
    severity: 'info',
    meaning:
      'The request reached the pod and neither a reply nor a refusal came out. A closed UDP port would answer with an ICMP error and a closed TCP port with a RST, so something is listening and blocked, its queue of new connections is full, or a filter in the pod drops.',
    shown: "The request is on the pod's own interface, its ARP is answered, and no packet of that flow comes back.",
    confirm: '$ nsenter -t PID -n ss -lntup\n$ nsenter -t PID -n nstat -az TcpExtListenDrops TcpExtListenOverflows',
    confusedWith:
      'arp-gateway-unanswered, where the pod wants to answer and cannot; replies by an interface that was not captured.',
  },
  {
    id: 'clock-skew',
    title: 'The clocks of two nodes are seconds apart',
    severity: 'info',
    meaning:
      'The same packets have other times in the captures of one node than in those of another, by more than they can have been under way. Verdicts here are corrected for it. Logs of the two nodes cannot be compared, and tokens, leases and certificates that are young or about to expire fail on one of them.',
    shown:
      'Packets that both nodes saw, in both directions: what went there bounds the offset from one side, what came back from the other. `lasthop points` prints offset, drift and bound.',
    confirm: '$ chronyc tracking\n$ timedatectl',
    confusedWith: 'A capture that was taken at another time: it has other packets, not the same ones with other times.',
  },
];
