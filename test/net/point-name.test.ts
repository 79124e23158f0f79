import { describe, expect, it } from 'vitest';
import { pointFromPath, pointText } from '../../src/net/point-name.js';

const pointOf = (path: string): string => {
  const { node, interface: name } = pointFromPath(path);
  return pointText(node, name);
};

describe('a file that was rotated', () => {
  it.each([
    'node1__eth0.pcap1',
    'node1__eth0.pcap02',
    'node1__eth0.pcap1.gz',
    // logrotate
    'node1__eth0.pcap.1',
    'node1__eth0.pcap.12.gz',
    // tcpdump -G with the formats that its users write
    'node1__eth0-20261121042146.pcap',
    'node1__eth0_20261121042146.pcap',
    'node1__eth0.20261121.pcap',
    'node1__eth0-20261121.pcap',
    'node1__eth0-2026-11-21_04:21:46.pcap',
    'node1__eth0_2026-11-21_04-21-46.pcap',
    'node1__eth0-20261121-042146.pcap',
    'node1__eth0-20261121T042146Z.pcap',
    'node1__eth0-1795234874.pcap',
    // dumpcap
    'node1__eth0_00001_20261121042146.pcap',
  ])('is of its point: %s', (name) => {
    expect(pointOf(name)).toBe('node1/eth0');
  });

  it.each([
    ['node1__flannel.1.pcap', 'node1/flannel.1'],
    ['node1__eth0.100.pcap', 'node1/eth0.100'],
    ['node1__cali0401f4ae329.pcap', 'node1/cali0401f4ae329'],
    ['node1__veth20261121.pcap', 'node1/veth20261121'],
    ['ip-10-0-1-2__eth0.pcap', 'ip-10-0-1-2/eth0'],
    ['node1__br-201299314512.pcap', 'node1/br-201299314512'],
    ['node-1234567890.pcapng', 'node-1234567890/any'],
    ['node1-20240101.pcapng', 'node1-20240101/any'],
    ['-20240101.pcap', '-20240101'],
  ])('is no file with a number in its name: %s', (name, point) => {
    expect(pointOf(name)).toBe(point);
  });
});
