// A server that sends back what it gets, and clients of it, run inside a host's namespace.
//   node tcp.js serve ADDRESS PORT
//   node tcp.js talk ADDRESS PORT FIRST_LOCAL_PORT COUNT TIME_MS...   -> one line of JSON
//     COUNT connections; each says a line at each of these times and is closed a second after the last.
//   node tcp.js burst ADDRESS PORT COUNT                              -> one line of JSON
//     COUNT short connections, one after the other, from ports that the kernel chooses.
//   node tcp.js send ADDRESS PORT OCTETS                              -> one line of JSON, when all is given to the kernel
//     One connection, which stays open until the program is ended and is reset then.
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const LINE = 'how are you\n';
const PAUSE_MS = 500;
const TIMEOUT_MS = 1500;
/** A burst gives up when it has found no port for so long: twice the time that one rests. */
const PATIENCE_MS = 120_000;

const [role, address = '', port = '', ...rest] = process.argv.slice(2);
if (role === 'serve') serve();
else if (role === 'talk') await talk(rest.map(Number));
else if (role === 'send') send(Number(rest[0]));
else await burst(Number(rest[0]));

function serve() {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(Number(port), address, () => process.stdout.write('ready\n'));
}

/** @param {object} result */
function say(result) {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** @param {number[]} numbers */
async function talk([first = 0, count = 0, ...times]) {
  const connections = await Promise.all(Array.from({ length: count }, (_, at) => converse(first + at, times)));
  say({ connections });
}

/**
 * @param {number} localPort
 * @param {number[]} times
 */
async function converse(localPort, times) {
  const result = { sport: localPort, said: 0, heard: 0, status: 'open' };
  const socket = connect({ host: address, port: Number(port), localPort });
  socket.on('data', (octets) => (result.heard += octets.length));
  socket.on('error', (error) => (result.status = /RESET/.test(error.message) ? 'reset' : error.message));
  let now = 0;
  for (const time of times) {
    await sleep(time - now);
    now = time;
    if (socket.destroyed) return result;
    socket.write(LINE);
    result.said += LINE.length;
  }
  await sleep(1000);
  socket.destroy();
  return result;
}

/** @param {number} count */
function send(count) {
  const socket = connect({ host: address, port: Number(port), noDelay: true }, () =>
    socket.write(Buffer.alloc(count, LINE), () => say({ sport: socket.localPort, sent: socket.bytesWritten })),
  );
  process.on('SIGTERM', () => socket.resetAndDestroy());
}

/** @param {number} count */
async function burst(count) {
  const ports = [];
  const failures = [];
  const started = Date.now();
  while (ports.length < count && Date.now() - started < PATIENCE_MS) {
    const { sport, code } = await once();
    if (code === undefined) ports.push(sport);
    else {
      failures.push({ after: ports.length, code });
      await sleep(PAUSE_MS);
    }
  }
  say({ ports, failures });
}

/** @returns {Promise<{ sport: number, code?: string }>} */
function once() {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: Number(port) }, () => socket.write(LINE));
    const late = setTimeout(() => socket.destroy(new Error('ETIMEDOUT')), TIMEOUT_MS);
    let sport = 0;
    /** @type {string | undefined} */
    let code;
    // Who closes first keeps the port.
    socket.on('data', () => {
      sport = socket.localPort ?? 0;
      socket.end();
    });
    socket.on('error', (error) => (code = /** @type {NodeJS.ErrnoException} */ (error).code ?? error.message));
    socket.on('close', () => {
      clearTimeout(late);
      resolve(code === undefined ? { sport } : { sport, code });
    });
  });
}
