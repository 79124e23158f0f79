import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.js';

function collector(): { stream: Writable; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  return { stream, text: () => text };
}

function closedPipe(): Writable {
  return new Writable({
    write(_chunk, _encoding, done) {
      done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    },
  });
}

const nothing = Readable.from([]);

describe('main', () => {
  it('says an unexpected error in one line', async () => {
    const run = async (env: Record<string, string>) => {
      const stderr = collector();
      const code = await main(['a.pcap'], {
        stdout: collector().stream,
        stderr: stderr.stream,
        env,
        get stdin(): Readable {
          throw new Error('boom\x1b[2J');
        },
      });
      return [code, stderr.text()];
    };
    const oneLine = /^lasthop: internal error in lasthop \S+: boom\\x1b\[2J; please report it .*\n$/;
    expect(await run({})).toEqual([2, expect.stringMatching(oneLine)]);
    expect(await run({ LASTHOP_DEBUG: '1' })).toEqual([2, expect.stringMatching(/\n +at /)]);
  });

  it('is quiet when nobody reads what it prints', async () => {
    for (const argv of [['--help'], ['--version'], ['explain'], ['explain', 'reply-lost', '--format', 'json']]) {
      const stderr = collector();
      const code = await main(argv, { stdout: closedPipe(), stderr: stderr.stream, stdin: nothing, env: {} });
      expect([argv, code, stderr.text()]).toEqual([argv, 0, '']);
    }
  });

  it('ends at Ctrl-C, even while it waits for standard input, and listens once', async () => {
    const listeners = new Set<() => void>();
    const stderr = collector();
    const stdout = collector();
    const stdin = new Readable({ read() {} });
    const running = main(['-'], {
      stdout: stdout.stream,
      stderr: stderr.stream,
      stdin,
      env: {},
      on: (_event: string, listener: () => void) => listeners.add(listener),
      off: (_event: string, listener: () => void) => listeners.delete(listener),
    });
    expect(listeners.size).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const listener of listeners) listener();
    expect(listeners.size).toBe(0);
    expect(await running).toBe(130);
    expect(stdin.destroyed).toBe(true);
    expect(stdout.text()).toBe('');
    expect(stderr.text()).toBe('');
  });
});
