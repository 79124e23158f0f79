import type { Finding } from '../report/report.js';

/** All but what a shell takes as it is: as a word, in quotes of either kind and in a comment. */
const UNSAFE = /[^\p{L}\p{N}_.:@%+=,/-]/gu;

/**
 * The findings with commands that are safe to paste. Names of nodes and interfaces come from files, and who made these may
 * have chosen `eth0; reboot`: what a shell would act on becomes an underscore wherever such a name stands in a command.
 */
export function safeCommands(
  findings: readonly Finding[],
  points: readonly { readonly name: string; readonly node: string; readonly interface: string }[],
): Finding[] {
  const names = points.flatMap((point) => [point.name, point.node, point.interface]);
  // sysctl wants the dots of an interface's name as slashes
  const unsafe = [...new Set([...names, ...names.map((name) => name.replaceAll('.', '/'))])]
    .filter((name) => name.search(UNSAFE) >= 0)
    .sort((a, b) => b.length - a.length);
  if (unsafe.length === 0) return [...findings];
  return findings.map((finding) => ({
    ...finding,
    causes: finding.causes.map((cause) => ({ ...cause, next: withSafeNames(cause.next, unsafe) })),
  }));
}

function withSafeNames(command: string, unsafe: readonly string[]): string {
  return unsafe.reduce((text, name) => text.replaceAll(name, name.replace(UNSAFE, '_')), command);
}
