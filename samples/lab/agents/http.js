// An HTTP server and an HTTP client, run inside a pod's namespace.
//   node http.js serve ADDRESS PORT...
//   node http.js get ADDRESS PORT LOCAL_PORT TIMEOUT_MS   -> one line of JSON
import { Agent, createServer, get } from 'node:http';

const [role, address = '', ...rest] = process.argv.slice(2);
if (role === 'serve') for (const port of rest) serve(Number(port));
else fetch(Number(rest[0]), Number(rest[1]), Number(rest[2]));

/** @param {number} port */
function serve(port) {
  const server = createServer((_request, response) => response.end('hello from the pod\n'));
  server.listen(port, address, () => process.stdout.write('ready\n'));
}

/**
 * @param {number} port
 * @param {number} localPort chosen by the caller, so that an attempt without an answer can be found in the captures
 * @param {number} timeout
 */
function fetch(port, localPort, timeout) {
  /** @type {string | number} */
  let status = 'timeout';
  const request = get({ host: address, port, localPort, agent: new Agent({ keepAlive: false }) });
  const late = setTimeout(() => request.destroy(), timeout);
  request.on('response', (response) => {
    status = response.statusCode ?? 0;
    response.resume();
  });
  request.on('error', (error) => {
    if (/ECONNREFUSED/.test(error.message)) status = 'refused';
  });
  request.on('close', () => {
    clearTimeout(late);
    process.stdout.write(`${JSON.stringify({ status })}\n`);
  });
}
