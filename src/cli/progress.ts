import type { Io } from './io.js';

/** Milliseconds before the first drawing: most captures are read sooner. */
const PATIENCE = 300;
/** Milliseconds between two drawings. */
const INTERVAL = 100;

/** Standard error while captures are read: a line of progress on a terminal, notices above it. */
export class Progress {
  readonly #stderr: Io['stderr'];
  readonly #quiet: boolean;
  readonly #draws: boolean;
  #drawn = false;
  #next = performance.now() + PATIENCE;

  constructor(stderr: Io['stderr'], quiet: boolean, dumb: boolean) {
    this.#stderr = stderr;
    this.#quiet = quiet;
    this.#draws = stderr.isTTY === true && !quiet && !dumb;
  }

  /** Octets read so far, and in total where that is known. */
  update(octetsRead: number, octetsTotal: number | null): void {
    if (!this.#draws) return;
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + INTERVAL;
    const share = octetsTotal === null || octetsTotal === 0 ? '' : ` of ${size(octetsTotal)}`;
    this.#stderr.write(`\r\x1b[Kreading ${size(octetsRead)}${share}`);
    this.#drawn = true;
  }

  notice(text: string): void {
    if (this.#quiet) return;
    this.clear();
    this.#stderr.write(`lasthop: ${text}\n`);
  }

  /** Takes the line away, so that data can follow. */
  clear(): void {
    if (!this.#drawn) return;
    this.#stderr.write('\r\x1b[K');
    this.#drawn = false;
  }
}

function size(octets: number): string {
  if (octets < 1e6) return `${Math.round(octets / 1e3)} kB`;
  return octets < 1e9 ? `${(octets / 1e6).toFixed(1)} MB` : `${(octets / 1e9).toFixed(2)} GB`;
}
