// Datagrams with one payload. Over IPv6, which gives them no identification, they are equal to the octet.
//   node udp.js serve ADDRESS PORT
//   node udp.js send ADDRESS PORT COUNT GAP_MS   -> one line of JSON
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';

const TEXT = 'the same measurement as before, for which nobody waits and nobody answers';

const [role, address = '', port = '', count = '', gap = ''] = process.argv.slice(2);
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
if (role === 'serve') socket.bind(Number(port), address, () => process.stdout.write('ready\n'));
else await send();

async function send() {
  for (let sent = 0; sent < Number(count); sent++) {
    socket.send(TEXT, Number(port), address);
    await sleep(Number(gap));
  }
  process.stdout.write(`${JSON.stringify({ sport: socket.address().port, sent: Number(count) })}\n`);
  socket.close();
}
