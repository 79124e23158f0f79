// A lab is a set of network namespaces whose names all begin with one random run id. Nothing outside them is touched,
// and closing the lab removes every namespace and every process that it started.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TOOLS = 'ip bridge sysctl iptables iptables-restore iptables-save ipset conntrack nstat ping tcpdump'.split(' ');
const READERS = 'tshark mergecap capinfos dumpcap'.split(' ');

/** What a scenario promised and the kernel, a client or tshark did not confirm, or what the host lacks. */
export class LabError extends Error {}

/** Throws a LabError of one line when this host cannot run the lab. */
export function checkHost() {
  if (process.getuid?.() !== 0) throw new LabError('the lab needs root: it makes network namespaces');
  const folders = (process.env['PATH'] ?? '').split(':');
  const missing = [...TOOLS, ...READERS].filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
  if (missing.length > 0) throw new LabError(`the lab needs these tools: ${missing.join(' ')}`);
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ input?: string, cwd?: string }} [options]
 * @returns {string} its standard output
 */
export function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      timeout: 60_000,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...options,
    });
  } catch (error) {
    const { stderr, message } = /** @type {{ stderr?: string, message: string }} */ (error);
    throw new LabError(`${command} ${args.join(' ')}: ${stderr?.trim() || message}`);
  }
}

/** @param {number} milliseconds */
export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A process inside a namespace. */
class Job {
  stdout = '';
  stderr = '';
  /** @type {Promise<number>} */
  exited;

  /**
   * @param {string} what
   * @param {import('node:child_process').ChildProcessWithoutNullStreams} child
   */
  constructor(what, child) {
    this.what = what;
    this.child = child;
    child.stdout.setEncoding('utf8').on('data', (text) => (this.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
    this.exited = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve(code ?? -1));
    });
  }

  /**
   * Waits until the process has said something.
   * @param {RegExp} pattern
   */
  async says(pattern) {
    for (let tries = 0; tries < 500; tries++) {
      if (pattern.test(this.stdout) || pattern.test(this.stderr)) return;
      if (this.child.exitCode !== null) break;
      await sleep(10);
    }
    throw new LabError(`${this.what} never said ${pattern}: ${this.stderr.trim()}`);
  }

  /** @param {NodeJS.Signals} signal */
  async stop(signal) {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    const late = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await this.exited;
    clearTimeout(late);
  }
}

/** A network namespace: a node, a pod, a router or a segment. */
export class Namespace {
  /**
   * @param {Lab} lab
   * @param {string} name
   */
  constructor(lab, name) {
    this.lab = lab;
    this.name = name;
    this.netns = lab.prefix + name;
  }

  /** @param {string} command an `ip` command without its leading `ip` */
  ip(command) {
    return run('ip', ['-n', this.netns, ...command.split(' ')]);
  }

  /**
   * @param {string} command words separated by single spaces
   * @param {string} [input] for its standard input
   */
  exec(command, input) {
    return run('ip', ['netns', 'exec', this.netns, ...command.split(' ')], input === undefined ? {} : { input });
  }

  /**
   * @param {string} key
   * @param {string | number} value which may have spaces
   */
  sysctl(key, value) {
    run('ip', ['netns', 'exec', this.netns, 'sysctl', '-qw', `${key}=${value}`]);
  }

  /** @param {string} rules in the form of iptables-save; what stands already is kept */
  iptables(rules) {
    this.exec('iptables-restore --noflush', `${rules.trim()}\n`);
  }

  /**
   * Starts a process that outlives this call.
   * @param {string[]} words
   * @param {string} [cwd]
   */
  start(words, cwd) {
    if (this.lab.closed) throw new LabError('the lab is closed');
    const child = spawn('ip', ['netns', 'exec', this.netns, ...words], { cwd });
    child.stdin.end();
    const job = new Job(`${words[0]} in ${this.name}`, child);
    this.lab.jobs.push(job);
    return job;
  }

  /**
   * @param {string[]} words
   * @param {number} [patience] milliseconds
   */
  async output(words, patience = 30_000) {
    const job = this.start(words);
    const late = setTimeout(() => job.child.kill('SIGKILL'), patience);
    await job.exited;
    clearTimeout(late);
    return job.stdout;
  }
}

export class Lab {
  prefix = `lasthop-${randomBytes(3).toString('hex')}-`;
  /** Captures and state are written here first. */
  folder = mkdtempSync(join(tmpdir(), 'lasthop-lab-'));
  /** @type {Job[]} */
  jobs = [];
  /** @type {Namespace[]} */
  namespaces = [];
  closed = false;

  /** @param {string} name */
  namespace(name) {
    if (this.closed) throw new LabError('the lab is closed');
    const namespace = new Namespace(this, name);
    run('ip', ['netns', 'add', namespace.netns]);
    this.namespaces.push(namespace);
    namespace.ip('link set lo up');
    return namespace;
  }

  /**
   * A switch that nodes are plugged into.
   * @param {string} name
   */
  segment(name) {
    const namespace = this.namespace(name);
    // A switch says nothing of its own.
    namespace.sysctl('net.ipv6.conf.all.disable_ipv6', 1);
    namespace.sysctl('net.ipv6.conf.default.disable_ipv6', 1);
    namespace.ip('link add br0 type bridge mcast_snooping 0');
    namespace.ip('link set br0 up');
    return namespace;
  }

  /**
   * A cable. Interface names are those a user sees; the segment's end is named after the node.
   * @param {Namespace} one
   * @param {string} oneName
   * @param {Namespace} other
   * @param {string} otherName
   */
  cable(one, oneName, other, otherName) {
    run(
      'ip',
      `link add ${oneName} netns ${one.netns} type veth peer name ${otherName} netns ${other.netns}`.split(' '),
    );
    one.ip(`link set ${oneName} up`);
    other.ip(`link set ${otherName} up`);
  }

  /**
   * @param {Namespace} node
   * @param {string} device
   * @param {Namespace} segment
   */
  plug(node, device, segment) {
    this.cable(node, device, segment, `p-${node.name}`);
    segment.ip(`link set p-${node.name} master br0`);
  }

  /** Ends what was started and removes what was made; safe to call twice. */
  async close() {
    this.closed = true;
    await Promise.allSettled(this.jobs.map((job) => job.stop('SIGTERM')));
    this.jobs = [];
    for (const { netns } of this.namespaces) {
      try {
        run('ip', ['netns', 'del', netns]);
      } catch {
        // Said below, for all of them.
      }
    }
    this.namespaces = [];
    rmSync(this.folder, { recursive: true, force: true });
    const left = run('ip', ['netns', 'list'])
      .split('\n')
      .filter((line) => line.startsWith(this.prefix));
    if (left.length > 0) throw new LabError(`namespaces left behind: ${left.join(' ')}`);
  }
}
