// What is measured, as built.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Folder of this package. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const built = fileURLToPath(new URL('../dist/index.js', import.meta.url));
if (!existsSync(built)) {
  process.stderr.write('there is no dist/: run npm run build first\n');
  process.exit(2);
}

export const { openCapture } = await import('../dist/capture/open.js');
export const { PacketView } = await import('../dist/wire/packet.js');
