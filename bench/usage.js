// Loaded before a program that is measured (node --import): what it used is written to the file that BENCH_USAGE names.
import { readFileSync, writeFileSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';

const file = process.env['BENCH_USAGE'];
let collections = 0;
let milliseconds = 0;

/** @param {import('node:perf_hooks').PerformanceEntry[]} entries */
function count(entries) {
  collections += entries.length;
  for (const { duration } of entries) milliseconds += duration;
}

const observer = new PerformanceObserver((list) => count(list.getEntries()));
observer.observe({ entryTypes: ['gc'] });

process.on('exit', () => {
  count(observer.takeRecords());
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  const usage = {
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakOctets: peakOctets(),
    gcSeconds: milliseconds / 1000,
    collections,
  };
  if (file !== undefined) writeFileSync(file, JSON.stringify(usage));
});

/** Most memory this program had at a time. The kernel's ru_maxrss also counts what its parent had, so it is asked last. */
function peakOctets() {
  try {
    const match = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1'));
    if (match !== null) return Number(match[1]) * 1024;
  } catch {
    // No /proc here
  }
  return process.resourceUsage().maxRSS * 1024;
}
