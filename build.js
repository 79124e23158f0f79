// dist/ is src/ joined to a few files: to find, open and link 280 modules takes Node longer than `lasthop samples/...` has.
// `node build.js [FOLDER]`. Not by rolldown's own command, which lists every file between `npm ci` and what a user wants to read.
import { readFileSync } from 'node:fs';
import { build } from 'rolldown';

const SCHEMA = 'report/report.schema.json';

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
  external: ['buffer-layout', 'ip-num', 'yargs'],
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
      name: 'schema',
      generateBundle() {
        this.emitFile({ type: 'asset', fileName: SCHEMA, source: readFileSync(`src/${SCHEMA}`, 'utf8') });
      },
    },
  ],
});
