#!/usr/bin/env node
// Makes the samples: builds each scenario's network, breaks it, captures, and writes down what is true.
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Lab, LabError, checkHost } from './lab.js';
import { anyInterface } from './scenarios/any-interface.js';
import { arpVipDuplicate } from './scenarios/arp-vip-duplicate.js';
import { bgpUnknownPeerReset } from './scenarios/bgp-unknown-peer-reset.js';
import { dnsFromWirelessPods } from './scenarios/dns-from-wireless-pods.js';
import { dnsListing } from './scenarios/dns-listing.js';
import { ephemeralPortExhaustion } from './scenarios/ephemeral-port-exhaustion.js';
import { gravityForwardingOff } from './scenarios/gravity-forwarding-off.js';
import { healthyCalico, healthyFlannel } from './scenarios/healthy.js';
import { natReturnUnroutable } from './scenarios/nat-return-unroutable.js';
import { networkPolicyDrop } from './scenarios/networkpolicy-drop.js';
import { offloads } from './scenarios/offloads.js';
import { outerNat } from './scenarios/outer-nat.js';
import { rstBackendSwitched } from './scenarios/rst-backend-switched.js';
import { rstOneWayConntrack } from './scenarios/rst-one-way-conntrack.js';
import { serviceBackendFails } from './scenarios/service-backend-fails.js';
import { serviceBackends } from './scenarios/service-backends.js';
import { equalDatagrams, someOfMany } from './scenarios/some-of-many.js';
import { sopnodeBrokenPing } from './scenarios/sopnode-broken-ping.js';
import { threeNodes } from './scenarios/three-nodes.js';
import { twoNatBoxes, twoNatBoxesBroken } from './scenarios/two-nat-boxes.js';
import { writeTruth } from './truth.js';

/**
 * @typedef {{
 *   samples: {
 *     folder: string, captures: import('./capture.js').Capture[], claims: import('./traffic.js').Claim[],
 *     path?: string[], faults?: import('./truth.js').Fault[], clients?: object[]
 *   }[],
 *   path: string[], cluster: import('./cluster.js').Cluster, faults: import('./truth.js').Fault[], clients: object[],
 *   notes?: Record<string, unknown>
 * }} Outcome
 *   `path`: the one that the sample is about. A scenario that captures in several ways has a sample for each.
 */
/** @typedef {(lab: Lab) => Promise<Outcome>} Scenario */

/** @type {Record<string, Scenario>} */
const SCENARIOS = {
  'healthy-flannel': healthyFlannel,
  'healthy-calico': healthyCalico,
  'gravity-forwarding-off': gravityForwardingOff,
  'sopnode-broken-ping': sopnodeBrokenPing,
  'networkpolicy-drop': networkPolicyDrop,
  'any-interface': anyInterface,
  'nat-return-unroutable': natReturnUnroutable,
  'dns-from-wireless-pods': dnsFromWirelessPods,
  'dns-listing': dnsListing,
  'bgp-unknown-peer-reset': bgpUnknownPeerReset,
  'rst-backend-switched': rstBackendSwitched,
  'rst-one-way-conntrack': rstOneWayConntrack,
  'arp-vip-duplicate': arpVipDuplicate,
  'ephemeral-port-exhaustion': ephemeralPortExhaustion,
  'service-backend-fails': serviceBackendFails,
  'two-nat-boxes': twoNatBoxes,
  'two-nat-boxes-broken': twoNatBoxesBroken,
  'outer-nat': outerNat,
  'service-backends': serviceBackends,
  'some-of-many': someOfMany,
  'equal-datagrams': equalDatagrams,
  offloads,
  'three-nodes': threeNodes,
};

const HERE = dirname(fileURLToPath(import.meta.url));
const USAGE = `usage: node samples/lab/make.js [--output FOLDER] [SCENARIO...]
scenarios: ${Object.keys(SCENARIOS).join(' ')}
`;

/**
 * @param {string} name
 * @param {string} output
 * @param {Lab} lab
 */
async function make(name, output, lab) {
  const scenario = SCENARIOS[name];
  if (scenario === undefined) throw new LabError(`no scenario ${name}`);
  const story = readFileSync(join(HERE, 'stories', `${name}.md`), 'utf8');
  const outcome = await scenario(lab);
  const joined = join(lab.folder, 'joined.pcapng');
  for (const sample of outcome.samples) {
    const inner = relative(lab.folder, sample.folder);
    writeTruth(sample.folder, joined, {
      ...outcome,
      ...sample,
      scenario: inner === '' ? name : `${name}/${inner}`,
      description: story.split('\n')[2] ?? '',
    });
  }
  rmSync(joined);
  writeFileSync(join(lab.folder, 'README.md'), story);
  // The old sample goes only when the new one is whole.
  const target = join(output, name);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  cpSync(lab.folder, target, { recursive: true });
  process.stdout.write(`${name}: ${readdirSync(target, { recursive: true }).length} files in ${target}\n`);
}

/** @param {string[]} argv */
async function main(argv) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { output: { type: 'string', default: dirname(HERE) }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const names = positionals.length === 0 ? Object.keys(SCENARIOS) : positionals;
  const unknown = names.filter((name) => !(name in SCENARIOS));
  if (unknown.length > 0) throw new LabError(`no scenario ${unknown.join(' ')}\n${USAGE}`);
  checkHost();
  for (const name of names) {
    const lab = new Lab();
    const interrupted = async (/** @type {NodeJS.Signals} */ signal) => {
      await lab.close();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    };
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    try {
      await make(name, values.output, lab);
    } finally {
      await lab.close();
      process.removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted);
    }
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
  const known = error instanceof LabError || code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`make: ${known ? message : String(error)}\n`);
  process.exitCode = 1;
}
