import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from '../support/packets.js';

/** A frame and what tshark 4.0.17 reads in it. `built` frames were made octet by octet, `captured` ones by Linux 6.18 and tcpdump. */
export interface FrameCase {
  readonly name: string;
  readonly origin: 'built' | 'captured';
  readonly linkType: number;
  /** Octets on the link. */
  readonly length: number;
  readonly octets: Uint8Array;
  /** Our frame.protocols, written by hand. */
  readonly protocols: string;
  readonly tshark: Readonly<Record<string, readonly string[]>>;
}

interface StoredCase extends Omit<FrameCase, 'octets'> {
  readonly octets: string;
}

const stored = JSON.parse(readFileSync(join(import.meta.dirname, 'frames.json'), 'utf8')) as StoredCase[];

export const FRAME_CASES: readonly FrameCase[] = stored.map((frame) => ({ ...frame, octets: hex(frame.octets) }));
