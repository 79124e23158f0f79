import type { Source } from './inputs.js';
import type { DiagnoseOptions } from './options.js';

/** Octets of captures from which on a thread pays: it takes 60 ms to start, in which so much is read without it. */
const THREAD_FROM = 32 << 20;

/** True when reading in another thread is worth it, or asked for. */
export async function threadPays(sources: readonly Source[], { threads }: DiagnoseOptions): Promise<boolean> {
  if (threads === 1) return false;
  if (sources.some(({ path }) => path === null)) return false;
  const size = sources.reduce((sum, source) => sum + (source.size ?? 0), 0);
  if (threads === undefined && size < THREAD_FROM) return false;
  const { cores } = await import('./threads.js');
  return threads !== undefined || cores() > 1;
}
