/** Agents as they are shipped, one file with its kit, and which of them is installed on a Mac of a fleet. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kill } from './start-process.ts';
import { until } from './until.ts';

const KEPT = fileURLToPath(new URL('../../fixtures/earlier-agent.tar.gz', import.meta.url));

/** The agent of the release before, as `scripts/keep-agent.mjs` kept it; returns its main file. */
export function unpackEarlierAgent(folder: string): string {
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', KEPT, '-C', folder]);
  return join(folder, 'agent/agent.cjs');
}

/** The script that this agent lays on a Mac. */
export function kitOf(agentMain: string): string {
  return readFileSync(join(dirname(agentMain), 'kit/raise'), 'utf8');
}

/** What is installed is a link, as a package replaces a file: Node follows it, so that an agent finds the kit that came with it. */
export class InstalledAgents {
  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  mainOf(name: string): string {
    return join(this.folder, `${name}.cjs`);
  }

  install(name: string, agentMain: string): void {
    const fresh = join(this.folder, `${name}.new`);
    symlinkSync(agentMain, fresh);
    renameSync(fresh, this.mainOf(name));
  }

  /** Once this step changes the Mac, another agent is installed and the running one killed: launchd starts what is there then. */
  async replaceAmid(step: string, mac: { readonly name: string; readonly dir: string }, agentMain: string) {
    const home = join(mac.dir, 'private/var/db/headroom');
    await until(
      `${mac.name} works on ${step}`,
      async () => {
        const steps = stepsUnderWay(join(home, 'journal'));
        return { met: steps.includes(step), value: null, seen: `under way: ${steps.join(', ')}` };
      },
      120_000,
    );
    this.install(mac.name, agentMain);
    const { pid } = JSON.parse(readFileSync(join(home, 'status.json'), 'utf8')) as { pid: number };
    kill(pid);
  }
}

/** Kinds of the jobs whose record says that they change the Mac now. A record that is being replaced counts as none. */
function stepsUnderWay(journal: string): readonly string[] {
  try {
    return readdirSync(journal).flatMap((name) => {
      if (name.startsWith('.')) return [];
      const { job, phase } = JSON.parse(readFileSync(join(journal, name), 'utf8'));
      return phase === 'acting' ? [String(job.kind)] : [];
    });
  } catch {
    return [];
  }
}
