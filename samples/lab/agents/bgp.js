// A BGP speaker that does what BIRD does with its neighbours (RFC 4271): OPEN, KEEPALIVE, one UPDATE. A connection from an
// address that is not configured is closed without a message, and what has come by then is left unread.
//   node bgp.js speak ADDRESS AS PREFIX NEIGHBOUR...
//     A neighbour written as `+ADDRESS` is called, one written as `-ADDRESS` calls.
//   It says `ready`, and when it is told to end one line of JSON: the addresses that it refused, its sessions, its calls.
import { connect, createServer } from 'node:net';

const RETRY_MS = 2000;
/** BIRD accepts when its event loop comes round; the OPEN is there by then. */
const ROUND_MS = 20;
const HOLD_SECONDS = 90;
const OPEN = 1;
const UPDATE = 2;
const KEEPALIVE = 4;

const [, address = '', as = '', prefix = '', ...neighbours] = process.argv.slice(2);
const known = new Set(neighbours.map((each) => each.slice(1)));
const log = {
  refused: /** @type {string[]} */ ([]),
  established: /** @type {string[]} */ ([]),
  /** Its own ports. */
  calls: /** @type {number[]} */ ([]),
  failed: 0,
};

/** @param {string} text */
function octetsOf(text) {
  return Buffer.from(text.split('.').map(Number));
}

/**
 * @param {number} type
 * @param {Buffer} body
 */
function message(type, body) {
  const header = Buffer.alloc(19, 0xff);
  header.writeUInt16BE(19 + body.length, 16);
  header.writeUInt8(type, 18);
  return Buffer.concat([header, body]);
}

function open() {
  const body = Buffer.alloc(10);
  body.writeUInt8(4, 0);
  body.writeUInt16BE(Number(as), 1);
  body.writeUInt16BE(HOLD_SECONDS, 3);
  octetsOf(address).copy(body, 5);
  return message(OPEN, body);
}

/** ORIGIN, AS_PATH, NEXT_HOP and LOCAL_PREF, then the block of this node's pods. */
function update() {
  const [network = '', length = ''] = prefix.split('/');
  const next = octetsOf(address);
  const attributes = Buffer.from([0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...next, 0x40, 5, 4, 0, 0, 0, 100]);
  const sizes = Buffer.from([0, 0, 0, attributes.length]);
  const octets = octetsOf(network).subarray(0, Math.ceil(Number(length) / 8));
  return message(UPDATE, Buffer.concat([sizes, attributes, Buffer.from([Number(length)]), octets]));
}

/**
 * @param {import('node:net').Socket} socket
 * @param {string} peer
 */
function session(socket, peer) {
  let waiting = Buffer.alloc(0);
  socket.on('error', () => undefined);
  socket.on('data', (octets) => {
    waiting = Buffer.concat([waiting, octets]);
    while (waiting.length >= 19 && waiting.length >= waiting.readUInt16BE(16)) {
      const type = waiting.readUInt8(18);
      waiting = waiting.subarray(waiting.readUInt16BE(16));
      if (type === OPEN) socket.write(message(KEEPALIVE, Buffer.alloc(0)));
      if (type === KEEPALIVE && !log.established.includes(peer)) {
        log.established.push(peer);
        socket.write(update());
      }
    }
  });
  socket.write(open());
}

/** @param {string} peer */
function call(peer) {
  const socket = connect({ host: peer, port: 179, localAddress: address }, () => {
    log.calls.push(socket.localPort ?? 0);
    session(socket, peer);
  });
  socket.on('error', () => (log.failed += 1));
  socket.on('close', () => setTimeout(() => call(peer), RETRY_MS).unref());
}

const server = createServer({ pauseOnConnect: true }, (socket) => {
  const peer = socket.remoteAddress ?? '';
  if (!known.has(peer)) {
    log.refused.push(peer);
    // Closing with octets unread makes the kernel send a RST.
    setTimeout(() => socket.destroy(), ROUND_MS);
    return;
  }
  socket.resume();
  session(socket, peer);
});
server.listen(179, address, () => process.stdout.write('ready\n'));
for (const neighbour of neighbours) if (neighbour.startsWith('+')) call(neighbour.slice(1));
process.on('SIGTERM', () => {
  process.stdout.write(`${JSON.stringify(log)}\n`, () => process.exit());
});
