/** Names that a node may go by in the path of a file, likeliest first. */
function candidates(path: string): string[] {
  const parts = path.split(/[\\/]/).filter((part) => part !== '' && part !== '.' && part !== '..');
  const file = parts.pop() ?? path;
  const mark = file.indexOf('__');
  const base = file.replace(/\.(?:gz|zst)$/i, '').replace(/\.(?:txt|log|json|out|conf|dump)$/i, '');
  const folders = parts.reverse().filter((part) => part !== 'state');
  const found = mark > 0 ? [file.slice(0, mark), ...folders] : [...folders, base];
  // `node1-iptables.txt`, `node1.iptables.txt`: only where a node is known by the first part.
  for (const [i, character] of [...base].entries()) if (i > 0 && /[-._]/.test(character)) found.push(base.slice(0, i));
  return found;
}

/**
 * The node whose state a file holds: `node1__netconf.txt`, `node1/netconf.txt`, `node1.txt`. Of several names in the path,
 * the one that captures bear wins. Beside captures that name no node, a file that is named for its content is theirs.
 * @param nodes those of the captures
 */
export function nodeOfFile(path: string, nodes: ReadonlySet<string>): string {
  if (nodes.size === 0 && !/[\\/]|.__/.test(path)) return '';
  const names = candidates(path);
  return names.find((name) => nodes.has(name)) ?? names[0] ?? '';
}
