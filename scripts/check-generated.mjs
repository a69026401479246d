// Generated files that are committed must be what their sources make: the wire's code and the docs' tables.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), 'headroom-gen-'));
execFileSync(process.execPath, [join(root, 'scripts/generate-proto.mjs'), folder], { stdio: 'inherit' });
const committed = readFileSync(join(root, 'packages/proto/src/gen/agent.ts'), 'utf8');
const fresh = readFileSync(join(folder, 'agent.ts'), 'utf8');
rmSync(folder, { recursive: true, force: true });
if (committed !== fresh) {
  console.error('packages/proto/src/gen is not what proto/agent.proto makes. Run: node scripts/generate-proto.mjs');
  process.exit(1);
}
execFileSync(process.execPath, [join(root, 'scripts/generate-docs.mjs'), '--check'], { stdio: 'inherit' });
const { countProvenance, provenanceRows } = await import(join(root, 'packages/mac-sim/dist/index.js'));
const { captured, documented, invented } = countProvenance(provenanceRows());
const line = `${captured} captured, ${documented} documented, ${invented} invented`;
if (!readFileSync(join(root, 'README.md'), 'utf8').includes(`<!-- provenance -->\n${line}\n`)) {
  console.error(`README.md must say, between the provenance marks: ${line}`);
  process.exit(1);
}
