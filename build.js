// dist/ is src/ joined to a few files: to find, open and link 280 modules takes Node longer than `lasthop samples/...` has.
// `node build.js [FOLDER]`. Not by rolldown's own command, which lists every file between `npm ci` and what a user wants to read.
import { readFileSync } from 'node:fs';
import { build } from 'rolldown';

/** Copied: to where, and from where. */
const FILES = [
  ['report/report.schema.json', 'src/report/report.schema.json'],
  ['LICENSE.buffer-layout', 'node_modules/buffer-layout/LICENSE'],
];

await build({
  input: {
    index: 'src/index.ts',
    'wire/index': 'src/wire/index.ts',
    'cli/main': 'src/cli/main.ts',
    thread: 'src/thread.ts',
    // Read by docs/ and bench/
    'findings/catalogue': 'src/findings/catalogue.ts',
    'capture/open': 'src/capture/open.ts',
    'wire/packet': 'src/wire/packet.ts',
  },
  platform: 'node',
  // buffer-layout is joined in, too: to look for the exports of a CommonJS module takes Node 55 ms each time, in every thread
  external: ['ip-num', 'yargs'],
  resolve: { extensionAlias: { '.js': ['.ts'] } },
  transform: { target: 'es2023' },
  output: {
    dir: process.argv[2] ?? 'dist',
    cleanDir: true,
    entryFileNames: '[name].js',
    // Beside thread.js, which one of them starts
    chunkFileNames: 'part-[name].js',
    codeSplitting: { groups: [{ name: 'decode', test: /src[\\/](wire|capture)[\\/]/ }] },
  },
  plugins: [
    {
      name: 'files',
      generateBundle() {
        for (const [fileName, from] of FILES)
          this.emitFile({ type: 'asset', fileName, source: readFileSync(from, 'utf8') });
      },
    },
  ],
});
