// Captures with tcpdump and dumpcap, and what those programs say about them.
import { join } from 'node:path';
import { takeOutMachine } from './clean.js';
import { LabError, sleep } from './lab.js';

/** @typedef {import('./cluster.js').Node} Node */

/**
 * @typedef {{
 *   node: string, interface?: string, interfaces?: Record<string, string>, file: string, linktype: string,
 *   command: string, captured: number, received: number, dropped: number
 * }} Capture
 *   `interfaces`: of a file that holds several, from the interface's index or name in the file to its name.
 */

export class Captures {
  /** @type {{ capture: Capture, job: Awaited<ReturnType<Node['namespace']['start']>> }[]} */
  running = [];

  /**
   * @param {string} folder where the files go
   * @param {number} [snap] octets of each frame that are kept; all of them unless given
   */
  constructor(folder, snap) {
    this.folder = folder;
    this.snap = snap === undefined ? '' : ` -s ${snap}`;
  }

  /**
   * One file a point.
   * @param {{ name: string, namespace: Node['namespace'] }} node
   * @param {string[]} interfaces
   */
  async point(node, ...interfaces) {
    for (const device of interfaces) {
      await this.#tcpdump(node, `-i ${device}`, `${node.name}__${device}.pcap`, {
        interface: device,
        linktype: 'EN10MB',
      });
    }
  }

  /**
   * All interfaces of a node in one cooked capture.
   * @param {Node} node
   * @param {'LINUX_SLL' | 'LINUX_SLL2'} linktype
   */
  async any(node, linktype) {
    /** @type {{ ifindex: number, ifname: string }[]} */
    const links = JSON.parse(node.namespace.ip('-j link'));
    const interfaces = Object.fromEntries(links.map(({ ifindex, ifname }) => [`${ifindex}`, ifname]));
    await this.#tcpdump(node, `-i any -y ${linktype}`, `${node.name}__any.pcap`, {
      linktype,
      ...(linktype === 'LINUX_SLL' ? { interface: 'any' } : { interfaces }),
    });
  }

  /**
   * Several interfaces of a node in one pcapng file.
   * @param {Node} node
   * @param {string[]} interfaces
   */
  async pcapng(node, interfaces) {
    const file = `${node.name}.pcapng`;
    const command = `dumpcap ${interfaces.map((device) => `-i ${device}`).join(' ')} -w ${file}`;
    const job = node.namespace.start(command.split(' '), this.folder);
    await job.says(/^File: /m);
    const names = Object.fromEntries(interfaces.map((device) => [device, device]));
    const counts = { captured: 0, received: 0, dropped: 0 };
    this.running.push({
      job,
      capture: { node: node.name, interfaces: names, file, linktype: 'EN10MB', ...counts, command },
    });
  }

  /**
   * @param {{ name: string, namespace: Node['namespace'] }} node
   * @param {string} source
   * @param {string} file
   * @param {{ interface?: string, interfaces?: Record<string, string>, linktype: string }} points
   */
  async #tcpdump(node, source, file, points) {
    // Unbuffered and immediate, else the tail stays in the ring when tcpdump is told to end.
    const command = `tcpdump -n -U -B 4096 --immediate-mode${this.snap} ${source} -w ${file}`;
    // It keeps its privileges, to write into a folder that is root's.
    const job = node.namespace.start([...command.split(' '), '-Z', 'root'], this.folder);
    await job.says(/listening on/);
    const counts = { captured: 0, received: 0, dropped: 0 };
    this.running.push({ job, capture: { node: node.name, file, ...points, ...counts, command } });
  }

  /** @returns {Promise<Capture[]>} */
  async stop() {
    await sleep(1_500);
    for (const { job, capture } of this.running) {
      await job.stop('SIGINT');
      if (capture.command.startsWith('dumpcap')) {
        capture.captured = number(job.stderr, /Packets captured: (\d+)/);
        const counts = [...job.stderr.matchAll(/Packets received\/dropped on interface .*: (\d+)\/(\d+)/g)];
        for (const [, received, dropped] of counts) {
          capture.received += Number(received);
          capture.dropped += Number(dropped);
        }
        takeOutMachine(join(this.folder, capture.file));
      } else {
        capture.captured = number(job.stderr, /(\d+) packets? captured/);
        capture.received = number(job.stderr, /(\d+) packets? received by filter/);
        capture.dropped = number(job.stderr, /(\d+) packets? dropped by kernel/);
      }
      if (capture.dropped > 0) throw new LabError(`${capture.file}: ${capture.dropped} packets dropped by the kernel`);
    }
    return this.running.map(({ capture }) => capture);
  }
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
function number(text, pattern) {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new LabError(`no ${pattern} in: ${text.trim()}`);
  return Number(found);
}
