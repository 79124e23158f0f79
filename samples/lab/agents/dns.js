// A DNS server and a DNS client over UDP, run inside a pod's namespace.
//   node dns.js serve ADDRESS...
//   node dns.js query SERVER PORT NAME TYPE ID TRIES   -> one line of JSON
import { createSocket } from 'node:dgram';

const TYPES = /** @type {Record<string, number>} */ ({ A: 1, AAAA: 28 });
const TIMEOUT_MS = 1000;

/** Names of the cluster and their addresses; an address is written as its octets. */
const ZONE = /** @type {Record<string, Record<number, number[]>>} */ ({
  'kubernetes.default.svc.cluster.local': { 1: [10, 96, 0, 1] },
  'alertmanager-main-0.alertmanager-operated.monitoring.svc.cluster.local': { 1: [10, 244, 19, 19] },
  'alertmanager-main-1.alertmanager-operated.monitoring.svc.cluster.local': { 1: [10, 244, 11, 20] },
  'web.demo.svc.cluster.local': {
    1: [10, 96, 12, 34],
    28: [0xfd, 0, 0, 0x10, 0, 0x96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x34],
  },
});

const [role, ...rest] = process.argv.slice(2);
if (role === 'serve') for (const address of rest) serve(address);
else query(rest);

/** @param {string} name */
function encodeName(name) {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

/** @param {string} address */
function serve(address) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (message, client) => socket.send(answer(message), client.port, client.address));
  socket.bind(53, address, () => process.stdout.write('ready\n'));
}

/** @param {Buffer} message a query with one question, as the client below sends it */
function answer(message) {
  const labels = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = message.readUInt16BE(at + 1);
  const records = ZONE[labels.join('.')];
  const data = records?.[type];
  const header = Buffer.alloc(12);
  message.copy(header, 0, 0, 2);
  // QR, AA and RD; NXDOMAIN when the name is unknown. A known name without such a record has an empty answer.
  header.writeUInt16BE(records === undefined ? 0x8503 : 0x8500, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data === undefined ? 0 : 1, 6);
  const question = message.subarray(12, at + 5);
  if (data === undefined) return Buffer.concat([header, question]);
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(type, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(5, 6);
  record.writeUInt16BE(data.length, 10);
  return Buffer.concat([header, question, record, Buffer.from(data)]);
}

/** @param {string[]} words */
function query([server = '', port = '', name = '', type = '', id = '', tries = '']) {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(Number(id), 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(TYPES[type] ?? 0, 0);
  tail.writeUInt16BE(1, 2);
  const message = Buffer.concat([header, encodeName(name), tail]);
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  let sent = 0;
  /** @param {string} status */
  const end = (status) => {
    clearInterval(timer);
    process.stdout.write(`${JSON.stringify({ sport: socket.address().port, sent, status })}\n`);
    socket.close();
  };
  // A retry is the same message from the same port, as dig and glibc send it.
  const send = () => {
    if (sent === Number(tries)) return end('timeout');
    sent += 1;
    socket.send(message);
  };
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  socket.on('message', (reply) => end((reply[3] ?? 0) & 15 ? 'NXDOMAIN' : 'NOERROR'));
  socket.on('error', () => end('refused'));
  socket.connect(Number(port), server, () => {
    timer = setInterval(send, TIMEOUT_MS);
    send();
  });
}
