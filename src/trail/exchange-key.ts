import { Protocol } from './exchange-store.js';
import type { Form } from './trail-rows.js';

const IS_DNS = Protocol.DNS;
const IS_ECHO = Protocol.ECHO;

/** From whom to whom. */
export type Sockets = Pick<Form, 'src' | 'dst' | 'sourcePort' | 'destinationPort'>;

/** What an exchange is found by; see Exchange for its fields. */
export interface Key {
  /** See Protocol. */
  protocol: number;
  client: number;
  server: number;
  clientPort: number;
  serverPort: number;
  id: number;
  sequence: number;
  nameId: number;
}

/** Says which echo or question a key is of. */
export function numbered(key: Key, id: number, sequence: number, nameId: number): Key {
  key.id = id;
  key.sequence = sequence;
  key.nameId = nameId;
  return key;
}

/**
 * What every look-up knows: all echoes or questions between two sockets would be one chain without their ids. The same both ways,
 * see ExchangeIndex.findEither. The upper bits count.
 */
export function hash(
  protocol: number,
  client: number,
  server: number,
  clientPort: number,
  serverPort: number,
  id: number,
  sequence: number,
): number {
  let h = socketHash(client, clientPort) + socketHash(server, serverPort);
  // The type of a question may have been cut off, and is learnt later
  if (protocol === IS_ECHO) h ^= Math.imul((id << 16) ^ sequence, 0x27d4eb2f);
  else if (protocol === IS_DNS) h ^= Math.imul(id, 0x27d4eb2f);
  h ^= h >>> 15;
  return Math.imul(h, 0x2c1b3c6d);
}

function socketHash(address: number, port: number): number {
  const h = Math.imul(address ^ Math.imul(port, 0x85ebca6b), 0x9e3779b1);
  return Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
}
