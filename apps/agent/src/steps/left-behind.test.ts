/** What a killed agent left goes with the next start; what is gone on with stays, and so does what is not ours. */
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { clearLeftBehind } from './left-behind.ts';

const HOME = '/var/db/headroom';
let mac: FakeMac;
const said: string[] = [];
beforeEach(() => {
  mac = fakeMac();
  said.length = 0;
  mac.tool('/bin/ls', "echo 'drwxr-xr-x  2 root  wheel  64 Nov  1 08:00 /Library/Headroom'");
});
afterEach(() => mac.remove());

const names = (folder: string): readonly string[] => readdirSync(mac.path(folder)).sort();
const clear = (): Promise<void> => clearLeftBehind(mac, (line) => void said.push(line));

it('takes away builds, laid-out packages and cut writes, and leaves what is gone on with', async () => {
  mac.file(`${HOME}/.state.json.new`, '{');
  mac.file(`${HOME}/state.json`, '{}');
  mac.file(`${HOME}/journal/.job-1.json.new`, '{');
  mac.file(`${HOME}/journal/job-1.json`, '{}');
  mac.file(`${HOME}/kc/.building-Ab12/KernelCollection.kc`, 'half');
  mac.file(`${HOME}/kc/23F79-T6020.kc`, 'whole');
  mac.file(`${HOME}/kdk/parts-Ab12/expanded/PackageInfo`, 'half');
  mac.file(`${HOME}/kdk/${'a'.repeat(64)}.part`, 'as far as it came');
  mac.file('/Library/Headroom/.KernelCollection.kc.new', 'half');
  mac.file('/Library/Headroom/raise', 'whole');
  await clear();
  expect(names(HOME)).toEqual(['journal', 'kc', 'kdk', 'state.json']);
  expect(names(`${HOME}/journal`)).toEqual(['job-1.json']);
  expect(names(`${HOME}/kc`)).toEqual(['23F79-T6020.kc']);
  expect(names(`${HOME}/kdk`)).toEqual([`${'a'.repeat(64)}.part`]);
  expect(names('/Library/Headroom')).toEqual(['raise']);
  expect(said).toHaveLength(5);
  await clear();
  expect(said).toHaveLength(5);
});

it('touches nothing in a kit folder that others can write', async () => {
  mac.file('/Library/Headroom/.raise.new', 'of somebody else');
  chmodSync(mac.path('/Library/Headroom'), 0o777);
  await clear();
  expect(existsSync(mac.path('/Library/Headroom/.raise.new'))).toBe(true);
  expect(said).toEqual([expect.stringContaining('mode 777')]);
});
