import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControllerConfig } from '../config/config.ts';

type Ports = Pick<ControllerConfig, 'apiPort' | 'enrolPort' | 'agentPort'>;

/**
 * Port 0 means any free one, once: agents are told their port when they enrol, so a later start takes the same again.
 * Kept in `stateDir/ports.json`; an explicit port always wins.
 */
export async function withRememberedPorts(config: ControllerConfig): Promise<ControllerConfig> {
  if (NAMES.every((name) => config[name] !== 0)) return config;
  const kept = await readKept(config.stateDir);
  const port = (name: keyof Ports) => config[name] || kept[name] || 0;
  return { ...config, apiPort: port('apiPort'), enrolPort: port('enrolPort'), agentPort: port('agentPort') };
}

const NAMES = ['apiPort', 'enrolPort', 'agentPort'] as const;

/** Nothing on a first start. Another port than the one before would leave every Mac silent, so a damaged file is not passed over. */
async function readKept(stateDir: string): Promise<Partial<Ports>> {
  const file = fileOf(stateDir);
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return {};
  const kept = parse(text);
  if (kept !== null) return kept;
  throw new Error(
    `${file} is damaged. Start with --api-port, --enrol-port and --agent-port: Macs call the agents' port that they were told when they ` +
      'enrolled (agentUrl in their /var/db/headroom/identity.json). Where none has enrolled yet, remove the file.',
  );
}

function parse(text: string): Partial<Ports> | null {
  try {
    const value = JSON.parse(text) as Partial<Ports>;
    return NAMES.every((name) => Number.isInteger(value[name])) ? value : null;
  } catch {
    return null;
  }
}

export async function rememberPorts(stateDir: string, ports: Ports): Promise<void> {
  await writeFile(`${fileOf(stateDir)}.new`, `${JSON.stringify(ports)}\n`, { mode: 0o600, flush: true });
  await rename(`${fileOf(stateDir)}.new`, fileOf(stateDir));
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'ports.json');
}
