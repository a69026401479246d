// Writes packages/proto/src/gen from packages/proto/proto. The result is committed; `npm run check` compares it.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = process.argv[2] ?? join(root, 'packages/proto/src/gen');
const require = createRequire(import.meta.url);
const protoc = join(dirname(require.resolve('protoc/package.json')), 'protoc.cjs');
const options = [
  'outputServices=grpc-js',
  'env=node',
  'esModuleInterop=true',
  'importSuffix=.ts',
  'forceLong=bigint',
  'removeEnumPrefix=true',
  'unrecognizedEnum=true',
  'unknownFields=true',
  'snakeToCamel=true',
  'useExactTypes=false',
  // Nobody reads or writes messages as JSON.
  'outputJsonMethods=false',
].join(',');
mkdirSync(out, { recursive: true });
execFileSync(
  process.execPath,
  [
    protoc,
    `--plugin=protoc-gen-ts_proto=${join(root, 'node_modules/.bin/protoc-gen-ts_proto')}`,
    `--ts_proto_out=${out}`,
    `--ts_proto_opt=${options}`,
    '-I',
    join(root, 'packages/proto/proto'),
    join(root, 'packages/proto/proto/agent.proto'),
  ],
  { stdio: 'inherit' },
);
