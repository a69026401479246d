/** Agents call the port that they were told when they enrolled: a later start takes the same, or says why it cannot know it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ControllerConfig } from '../config/config.ts';
import { rememberPorts, withRememberedPorts } from './ports.ts';

const PORTS = { apiPort: 1, enrolPort: 2, agentPort: 3 };
let stateDir: string;
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'hr-ports-'));
});
afterEach(() => rm(stateDir, { recursive: true, force: true }));

const asked = (ports: Partial<typeof PORTS>) =>
  withRememberedPorts({ apiPort: 0, enrolPort: 0, agentPort: 0, ...ports, stateDir } as ControllerConfig);

it('takes the same again, and one that was asked for before it', async () => {
  expect(await asked({})).toMatchObject({ apiPort: 0, enrolPort: 0, agentPort: 0 });
  await rememberPorts(stateDir, PORTS);
  expect(await asked({ apiPort: 9 })).toMatchObject({ ...PORTS, apiPort: 9 });
});

it.each(['', '{"apiPort": 1', '[]', '{"agentPort": "3"}'])(
  'guesses none from %j, and needs none when all are asked for',
  async (text) => {
    await writeFile(join(stateDir, 'ports.json'), text);
    await expect(asked({ apiPort: 9 })).rejects.toThrow(/ports\.json is damaged.*--agent-port/);
    expect(await asked(PORTS)).toMatchObject(PORTS);
  },
);
