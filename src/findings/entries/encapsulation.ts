import type { CatalogueEntry } from './entry.js';

/** Tunnels, routes, MTU, ARP and L2. */
export const ENCAPSULATION_ENTRIES: readonly CatalogueEntry[] = [
  {
    id: 'encapsulation',
    title: 'Tunnel packets between two nodes do not arrive, or do not fit together',
    severity: 'error',
    meaning:
      'What one node sends into the tunnel is not what the other one takes out of it. The packets do not tell which of several faults it is; the causes are ranked.',
    shown:
      'Tunnel packets leave one node, the underlay interface of the node they are sent to was captured at that time without a narrow filter, and has none of them.',
    confirm:
      'Capture the tunnel packets on both underlay interfaces at the same time:\n$ tcpdump -ni eth0 "udp port 4789 or udp port 8472"',
    confusedWith: 'Captures that were taken one after the other; a capture filter on the receiving interface.',
  },
  {
    id: 'vxlan-port-mismatch',
    title: 'The receiving node has no tunnel device on this UDP port',
    severity: 'error',
    meaning:
      'The two nodes use different UDP ports for VXLAN (4789 is the registered one, 8472 the old Linux default that flannel and Cilium keep), or the device on the receiving node is down or not yet there.',
    shown:
      'The receiving node answers the tunnel packet with ICMP port unreachable, which quotes it. Its own tunnel packets go to another port.',
    confirm: 'On both nodes:\n$ ip -d link show type vxlan | grep dstport\n$ ss -lun | grep -E ":4789|:8472"',
    confusedWith: 'A firewall that rejects with "port unreachable", which is the default of some rule sets.',
  },
  {
    id: 'vxlan-udp-checksum-bad',
    title: 'The outer UDP checksum of tunnel packets is wrong',
    severity: 'error',
    meaning:
      'The receiving kernel drops the tunnel packet before it looks inside. Kernels before 5.7 wrote such sums when they masqueraded a tunnel packet with random ports, and some network cards and virtual ones miscompute sums of encapsulated packets.',
    shown:
      'On a node that receives the packet, the outer checksum is neither right, nor absent (0), nor left for a card to fill in, nor made right by the right inner sum; and the packet is missing on the tunnel device. Sums that offload explains never count.',
    confirm:
      'The counter of the receiving node moves with each packet:\n$ nstat -az UdpInCsumErrors\nSwitch the offload off on the sender, and see whether it helps:\n$ ethtool -K vxlan.calico tx-checksum-ip-generic off',
    confusedWith:
      'Checksums in captures of the sending machine, which are not finished yet and look wrong in most tools without being so.',
  },
  {
    id: 'vtep-mac-mismatch',
    title: "The inner destination MAC is not that of the receiver's tunnel device",
    severity: 'error',
    meaning:
      'The sender has an old or wrong MAC address for the tunnel device of the other node. The packet is unwrapped, appears on the tunnel device, and is dropped there as meant for somebody else. It happens when systemd or a network manager gives the device a new MAC address after the plugin has published the first one.',
    shown:
      "Packets are seen on the tunnel device and no further, and their destination MAC address differs from the source MAC address of everything that device sends. With Calico the right address follows from the node's name: 66 and the first five octets of its SHA-1.",
    confirm:
      'On the receiving node (kernel 5.19 or later), the column otherhost counts them:\n$ ip -s -s link show flannel.1\nCompare what the sender believes with what is:\n$ ip neigh show dev flannel.1\n$ bridge fdb show dev flannel.1',
    confusedWith: 'Drops by forwarding or a filter on the receiving node, where the MAC addresses agree.',
  },
  {
    id: 'vtep-ip-wrong',
    title: 'Tunnel packets are sent to an address that is not the right node',
    severity: 'error',
    meaning:
      'The sender looks up to which node a pod address belongs, and finds an address that is outdated, not reachable, or that of another node: a node was created anew, or the network plugin picked an address of the wrong interface.',
    shown:
      'A router or host of the underlay answers that the outer destination cannot be reached, or the packets arrive at a node that does not own the inner destination.',
    confirm: '$ bridge fdb show dev vxlan.calico\n$ kubectl get node -o wide\n$ calicoctl get node -o wide',
    confusedWith: 'vtep-return-unroutable, where the address is the registered one and only the way to it is missing.',
  },
  {
    id: 'vxlan-reserved-bits',
    title: 'The VXLAN header has flags or reserved bits that the receiver does not take',
    severity: 'warning',
    meaning:
      'Linux drops VXLAN packets whose header is not plain (the I flag and nothing else), unless its device is configured for the extension that the bits mean: group policy (0x88), generic protocol extension (0x0c), remote checksum offload. The sender is a switch, Windows or Open vSwitch, or its device has such an option.',
    shown: 'Packets with such headers are on the underlay interface of the receiver and not on its tunnel device.',
    confirm: 'On both nodes:\n$ ip -d link show type vxlan | grep -oE "gbp|gpe|remcsumrx"',
    confusedWith: 'Some other protocol on this UDP port.',
  },
  {
    id: 'vxlan-ecn-ce-drop',
    title: 'A congestion mark on the outer header makes the receiver drop the packet',
    severity: 'warning',
    meaning:
      'A switch or queue marks the outer header "congestion experienced". If the inner packet does not take part in explicit congestion notification, RFC 6040 says that it must be dropped at the end of the tunnel. It follows the load of the network.',
    shown:
      'The outer ECN field is CE, the inner one is Not-ECT, and the packet is on the underlay interface and not on the tunnel device.',
    confirm: '$ ip -s -s link show type vxlan\n$ dmesg | grep "non-ECT from"',
    confusedWith: 'Loss by a full queue, which leaves no mark. Marked packets whose inner header does take part pass.',
  },
  {
    id: 'vxlan-src-mac-self',
    title: "Tunnel packets bear the receiver's own MAC address as their source",
    severity: 'warning',
    meaning:
      'Two nodes have the same MAC address on their tunnel devices, so that each takes the packets of the other for its own that came back, and drops them. Cloned machines, or two nodes with one name: Calico derives the address from the name.',
    shown:
      'The inner source MAC address is that of the receiving tunnel device; the packet is on the underlay interface and not on the tunnel device.',
    confirm: 'On both nodes:\n$ ip -d link show type vxlan | grep ether\n$ kubectl get node',
    confusedWith:
      'A packet that really came back, by a loop in the underlay: then its outer source is the node itself.',
  },
  {
    id: 'vtep-mac-duplicate',
    title: 'The tunnel devices of two nodes have one MAC address',
    severity: 'warning',
    meaning:
      'Third nodes may still reach both, but each of the two drops what comes from the other, as its own that came back. Cloned machines, a copied interface file, or two nodes with one name: Calico derives the address from the name.',
    shown:
      'At one point two outer addresses send from the same inner MAC address, side by side and for different inner addresses, and another endpoint sends to each of them with it. One node that changes its address, or whose address is translated, does not look so.',
    confirm: 'On both nodes:\n$ ip -d link show type vxlan | grep ether\n$ kubectl get node -o wide',
    confusedWith:
      'Overlays whose routers have one address on all nodes: there it is the source only, and never what others send to.',
  },
  {
    id: 'vxlan-static-fdb-snoop',
    title: 'A learning tunnel device has the MAC address fixed to another host',
    severity: 'warning',
    meaning:
      'A VXLAN device that learns compares the outer source with what it knows of the inner source MAC address. When that entry is permanent and names another host, the packet is dropped in the driver. flannel and Calico create their devices without learning; tunnels made by hand have it.',
    shown:
      'As vxlan-source-not-allowed: tunnel packets from an outer source that the node does not send to, on the underlay interface only. Packets do not tell the two apart.',
    confirm: '$ ip -d link show type vxlan | grep -oE "(no)?learning"\n$ bridge fdb show | grep permanent',
    confusedWith: 'vxlan-source-not-allowed and host-firewall-drop: here the counter UdpInDatagrams grows.',
  },
  {
    id: 'inner-ip-checksum-bad',
    title: 'The IPv4 header checksum of the packet inside the tunnel is wrong',
    severity: 'warning',
    meaning:
      'Something changed the header of the inner packet without correcting its checksum, or octets were damaged. Linux always fills in this checksum itself, so that offload does not explain it.',
    shown:
      'The sum of the inner header is wrong where the packet leaves the tunnel, and the packet is seen no further.',
    confirm: '$ nstat -az IpInHdrErrors',
    confusedWith: 'Unfinished TCP and UDP checksums, which are normal in captures.',
  },
  {
    id: 'overlay-arp-unresolved',
    title: 'The tunnel device asks by ARP for addresses and gets no answer',
    severity: 'error',
    meaning:
      'Network plugins write neighbour and forwarding entries for every other node, so that the tunnel device never has to ask. When it asks, such an entry is missing, and what is sent to that address goes nowhere.',
    shown: 'ARP requests on a tunnel device without an answer. On a sound one there is no ARP at all.',
    confirm: '$ ip neigh show dev flannel.1\n$ bridge fdb show dev flannel.1',
    confusedWith: 'Tunnels made by hand over multicast or with learning, where ARP is normal and answered.',
  },
  {
    id: 'tunnel-one-way',
    title: 'One direction travels in the tunnel and the other one bare',
    severity: 'warning',
    meaning:
      'The two nodes disagree on whether packets between them need the tunnel: cross-subnet modes with different netmasks, or a host that answers from another address. It works until a filter, a translation or a reverse-path check meets the other half.',
    shown: 'At one underlay interface, packets between two addresses are encapsulated in one direction only.',
    confirm:
      '$ calicoctl get ippool -o yaml | grep -E "vxlanMode|ipipMode"\n$ ip route get OTHER-ADDRESS\n(the latter on both nodes)',
    confusedWith: 'A point that records packets both before and after encapsulation.',
  },
  {
    id: 'route-missing-clear-text',
    title: 'Packets between pods leave the node without the tunnel',
    severity: 'error',
    meaning:
      'The node has no overlay route to the destination, so that its default route takes the packet, unwrapped, to a gateway that knows nothing of pods. The network plugin is not running there or has not learnt of the other node.',
    shown:
      'A packet between two pod addresses, of which others travel in the tunnel, is bare on the underlay interface and seen nowhere behind it.',
    confirm:
      '$ ip route get DESTINATION\n$ kubectl -n kube-flannel logs ds/kube-flannel-ds --tail 50\n$ calicoctl node status',
    confusedWith:
      'Clusters that route pods without a tunnel on purpose (host-gw, cross-subnet): there the packet appears at the other node.',
  },
  {
    id: 'route-missing',
    title: 'A node on the way has no route to the destination',
    severity: 'error',
    meaning:
      'The node says so itself, with an ICMP network unreachable. The route of the overlay or of the block of addresses is gone, or was never made.',
    shown: 'The ICMP error quotes the lost packet and comes from the node that last saw it.',
    confirm: '$ ip route get DESTINATION\n$ ip route show table all | grep BLOCK',
    confusedWith:
      'The same error from a router of the underlay about a tunnel packet: vtep-return-unroutable, vtep-ip-wrong.',
  },
  {
    id: 'route-unreachable',
    title: 'A route of type unreachable refuses the destination',
    severity: 'error',
    meaning:
      'The node has a route for the destination that says "unreachable", as network plugins set for addresses which nobody has, and answers with an ICMP host unreachable.',
    shown: 'The ICMP error comes at once, from the node that last saw the packet, without an ARP request before it.',
    confirm: '$ ip route get DESTINATION\n$ ip route show type unreachable',
    confusedWith: 'pod-gone-arp-fail, where the same error comes about three seconds later.',
  },
  {
    id: 'conntrack-invalid-drop',
    title: 'A rule drops packets that connection tracking calls invalid',
    severity: 'warning',
    meaning:
      'kube-proxy and some plugins drop packets in state INVALID. Tracking calls a segment invalid when it saw only one direction of the connection or when the segment is outside the window.',
    shown:
      'Single segments of a connection stop at a node that does not see its other direction, while other packets pass.',
    confirm:
      '$ conntrack -S | grep -o "invalid=[0-9]*"\n$ sysctl net.netfilter.nf_conntrack_tcp_be_liberal\n$ iptables-save -c | grep INVALID',
    confusedWith: 'A network policy, which hits new connections rather than segments in the middle.',
  },
  {
    id: 'ttl-expired-loop',
    title: 'Packets go round in a loop, or their TTL runs out',
    severity: 'warning',
    meaning:
      'Two or more routers send a packet to each other until its TTL is used up: each believes that the other one is nearer to the destination. Sometimes the sender sets a TTL that is too small for the way.',
    shown:
      'The same packet passes one point at least three times, each time with a lower TTL; or an ICMP time exceeded quotes it.',
    confirm: '$ ip route get DESTINATION\n(on each of the nodes that it passes)',
    confusedWith:
      'A packet recorded twice on a bridge, on the way in and out, and traceroute, which sends small TTLs on purpose.',
  },
  {
    id: 'nat-return-unroutable',
    title: 'A reply is translated back to an address that the gateway cannot route',
    severity: 'error',
    meaning:
      "A gateway translated the pod's own address, because the node had not replaced it by its own. The reply comes back, the gateway restores the pod's address, has no route to it, and its default route sends the reply out again where it came in.",
    shown:
      "At the gateway's outer interface the reply appears twice: to the public address, and again, one hop older, to the pod's address. On the inner side it is never seen.",
    confirm:
      'On the gateway:\n$ ip route get POD-ADDRESS\nOn the node, whether pods are masqueraded on their way out:\n$ iptables-save -t nat | grep -E "cali-nat-outgoing|FLANNEL|MASQUERADE"\n$ kubectl get ippool -o yaml | grep natOutgoing',
    confusedWith: 'Hairpin translation for clients inside, where the second appearance goes on to the inside.',
  },
  {
    id: 'mtu',
    title: 'Packets of some size do not get through',
    severity: 'error',
    meaning:
      'Whether a packet arrives depends on its size: some link on the way carries less than the sender believes.',
    shown: 'Small packets pass a place where large ones are lost.',
    confirm: '$ ping -M do -s 1472 OTHER-NODE',
    confusedWith: 'Segmentation offload, with which frames in a capture are larger than they are on the wire.',
  },
  {
    id: 'mtu-blackhole-underlay',
    title: 'The network between the nodes swallows large tunnel packets',
    severity: 'error',
    meaning:
      'The tunnel device believes in a larger MTU than the way between the nodes has, and what exceeds it is dropped without an ICMP error. Pings, small requests and handshakes work; large answers, TLS and logs hang.',
    shown:
      'Tunnel packets up to some length arrive at the other node and all longer ones do not. The lengths are printed. Frames larger than any link are captured before segmentation and do not count.',
    confirm:
      '$ ping -M do -s LENGTH-28 OTHER-NODE\nLower the MTU of the tunnel to what passes, less 50 octets for VXLAN:\n$ kubectl patch felixconfiguration default --type merge -p \'{"spec":{"vxlanMTU":1400}}\'',
    confusedWith:
      'underlay-blocks-tunnel, where small tunnel packets are lost, too; random loss, which does not mind the size.',
  },
  {
    id: 'mtu-icmp-lost',
    title: 'The message that a packet is too big does not reach its sender',
    severity: 'error',
    meaning:
      'A router says "fragmentation needed" and with which size it would work, but the message is filtered or misdirected on its way, so that the sender goes on with packets that are too big.',
    shown: 'The ICMP message is seen on the way and not at the sender, which keeps sending packets above that size.',
    confirm: '$ ip route get DESTINATION | grep mtu\n$ iptables-save -c | grep -i icmp\n(the former in the pod)',
    confusedWith: 'mtu-icmp-ignored, where the message arrives.',
  },
  {
    id: 'mtu-icmp-ignored',
    title: 'The sender is told that its packets are too big, and keeps their size',
    severity: 'error',
    meaning:
      'The message arrives, but the connection that it quotes is not one that the sender knows, because it was translated in between, or a policy in the pod drops it.',
    shown: 'The ICMP message is seen at the sender, and packets above the size that it names follow.',
    confirm:
      '$ ip route get DESTINATION | grep mtu\n$ iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu',
    confusedWith: 'Senders that do not set "don\'t fragment": their packets are cut, not dropped.',
  },
  {
    id: 'mtu-outer-fragments',
    title: 'Tunnel packets are cut into fragments',
    severity: 'info',
    meaning:
      'The outer packet is larger than a link and is fragmented, by the sending node or a router. It works while all fragments arrive, but costs speed, and firewalls and load balancers often drop the fragments after the first. The MTU of the tunnel should leave room for the outer headers (50 octets for VXLAN over IPv4).',
    shown: 'First and last fragments of tunnel packets are seen at one point.',
    confirm: '$ ip -d link show type vxlan | grep mtu\n$ ip route get ENDPOINT',
    confusedWith: 'mtu-outer-fragments-lost, where they do not all arrive.',
  },
  {
    id: 'mtu-outer-fragments-lost',
    title: 'Tunnel packets are cut into fragments, and not all of them arrive',
    severity: 'error',
    meaning:
      'The outer packet was larger than a link and was fragmented; firewalls and load balancers often drop the fragments after the first, as they have no ports. Without all of them nothing can be unwrapped.',
    shown: 'The first fragment of a tunnel packet is on the receiving underlay interface and a later one is not.',
    confirm: '$ nstat -az IpReasmFails IpReasmReqds',
    confusedWith: 'A capture filter on the UDP port, which hides all but the first fragment.',
  },
  {
    id: 'mtu-pod-larger-than-tunnel',
    title: 'A pod sends larger packets than its tunnel carries, and is told so',
    severity: 'info',
    meaning:
      "The pod's interface has a larger MTU than the tunnel. Its node answers the first large packet with the size that fits, and the pod adapts. It costs a packet for each destination, and is no fault while the messages arrive.",
    shown: "An ICMP fragmentation needed from the pod's own node quotes its packet and names the MTU of the tunnel.",
    confirm: '$ ip link show eth0\n$ ip link show vxlan.calico\n(the former in the pod)',
    confusedWith: 'mtu-icmp-ignored, where large packets keep coming after the message.',
  },
  {
    id: 'arp-vip-duplicate',
    title: 'Two machines answer ARP for one address',
    severity: 'error',
    meaning:
      'Each asker believes the answer that came last, so that traffic goes to one machine or the other as caches are refreshed. With virtual addresses of load balancers, hosts that only carry the address answer for it (arp_ignore is 0, strictARP off), or two instances both believe that they are the leader.',
    shown:
      'ARP answers for one address with two MAC addresses: both to one request, or by turns. One change from one to the other is a failover and does not count.',
    confirm: '$ arping -D -I eth0 ADDRESS\n$ sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce',
    confusedWith: 'A failover with a gratuitous ARP; VRRP, whose MAC addresses begin with 00:00:5e:00:01.',
  },
  {
    id: 'pod-ip-duplicate',
    title: 'Two pods have the same address',
    severity: 'error',
    meaning:
      'The list of given-out addresses was lost or two ranges overlap, and one address is in use on two nodes at the same time. Connections work or are reset depending on which of the two is asked.',
    shown: 'Packets with one inner source address come by turns from two tunnel endpoints.',
    confirm: "$ kubectl get pod -A -o wide | awk '{print $7}' | sort | uniq -d\n$ calicoctl ipam check",
    confusedWith:
      'A pod that was deleted and whose address was given out anew on another node, one change that never goes back.',
  },
  {
    id: 'mac-mismatch-next-hop',
    title: "Frames for a node's address bear another machine's MAC address",
    severity: 'warning',
    meaning:
      'The sender or router before it has an old MAC address for the node. A capture shows the frame, because it also records what is not meant for the machine, but the node does not receive it.',
    shown:
      "Packets to the node's own address come with a destination MAC address that is not the one its own frames have as their source, and go no further.",
    confirm: 'On the sender, or the router before it:\n$ ip neigh show ADDRESS',
    confusedWith: "Captures on a mirror port, which show everybody else's frames.",
  },
  {
    id: 'icmp-redirect',
    title: 'A router tells a sender of another next hop',
    severity: 'info',
    meaning:
      'The router would send the packet out of the interface by which it came, so that the sender could go straight to the next hop. It does no harm by itself. A sender that heeds it uses the other next hop from then on, which fails where that one cannot be reached from there, as in pods.',
    shown: 'An ICMP redirect quotes a packet of the sender and names the address of the next hop.',
    confirm:
      'On the sender:\n$ ip route get DESTINATION\n$ sysctl net.ipv4.conf.all.accept_redirects\nOn the router:\n$ sysctl net.ipv4.conf.all.send_redirects',
    confusedWith: 'route-unreachable, where the router drops the packet; here it passes it on.',
  },
];
