// Keeps the agent of a release for the tests of the next one: the one file that is shipped, with the kit beside it, and its commit.
// Built from that commit alone, in a folder of its own, with the packages of its lock file; the same commit gives the same bytes.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { optionsOf, root } from '../bin/bootstrap.mjs';
import { tarGz } from '../packaging/build/tar.mjs';

const KEPT = 'test/fixtures/earlier-agent.tar.gz';
const USAGE = `node scripts/keep-agent.mjs [options]
  --commit COMMIT    whose agent (default HEAD); installs that commit's packages, about half a minute
writes ${KEPT}`;
const values = optionsOf(USAGE, { commit: { type: 'string' } });
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const commit = git('rev-parse', '--verify', `${values.commit ?? 'HEAD'}^{commit}`);
const work = mkdtempSync(join(tmpdir(), 'headroom-agent-'));
const [tree, agent] = [join(work, 'tree'), join(work, 'agent')];
try {
  git('worktree', 'add', '--quiet', '--detach', tree, commit);
  execFileSync(process.execPath, ['bin/build.mjs'], { cwd: tree, stdio: 'inherit' });
  const { bundleAgent } = await import(pathToFileURL(join(tree, 'packaging/build/bundle.mjs')).href);
  mkdirSync(agent);
  await bundleAgent({ root: tree, outfile: join(agent, 'agent.cjs') });
  cpSync(join(tree, 'apps/agent/kit'), join(agent, 'kit'), { recursive: true });
  writeFileSync(join(agent, 'COMMIT'), `${commit}\n`);
  const archive = tarGz(agent, 'agent');
  writeFileSync(join(root, KEPT), archive);
  console.log(`${KEPT}: the agent of ${commit}, ${(archive.length / 1000).toFixed(0)} kB`);
} finally {
  rmSync(work, { recursive: true, force: true });
  git('worktree', 'prune');
}
