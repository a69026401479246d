import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControllerConfig } from '../config/config.ts';

type Ports = Pick<ControllerConfig, 'apiPort' | 'enrolPort' | 'agentPort'>;

/**
 * Port 0 means any free one, once: agents are told their port when they enrol, so a later start takes the same again.
 * Kept in `stateDir/ports.json`; an explicit port always wins.
 */
export async function withRememberedPorts(config: ControllerConfig): Promise<ControllerConfig> {
  const text = await readFile(fileOf(config.stateDir), 'utf8').catch(() => '{}');
  const kept = JSON.parse(text) as Partial<Ports>;
  const port = (name: keyof Ports) => config[name] || kept[name] || 0;
  return { ...config, apiPort: port('apiPort'), enrolPort: port('enrolPort'), agentPort: port('agentPort') };
}

export async function rememberPorts(stateDir: string, ports: Ports): Promise<void> {
  await writeFile(`${fileOf(stateDir)}.new`, `${JSON.stringify(ports)}\n`, { mode: 0o600 });
  await rename(`${fileOf(stateDir)}.new`, fileOf(stateDir));
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'ports.json');
}
