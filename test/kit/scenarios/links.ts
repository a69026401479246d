/** A link that somebody made where the kit goes, before it was placed. The real agent places it, so what it refuses is real. */
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { MacInState } from '../../states/mac-in-state.ts';
import type { VisitMac } from '../visit-mac.ts';
import { agentOf } from './agent-acts.ts';
import type { Scenario } from './scenario.ts';

const THEIRS = 'csrutil disable\n';
const theirFolder = ({ dir }: VisitMac): string => join(dir, 'Users/Shared/theirs');

/** Nothing of ours went where the link leads. */
function expectTheirsAlone(mac: VisitMac): void {
  expect(readdirSync(theirFolder(mac))).toEqual(['raise']);
  expect(readFileSync(join(theirFolder(mac), 'raise'), 'utf8')).toBe(THEIRS);
}

function makeTheirs(mac: VisitMac): void {
  rmSync(mac.kit, { recursive: true });
  mkdirSync(theirFolder(mac), { recursive: true });
  writeFileSync(join(theirFolder(mac), 'raise'), THEIRS);
}

export const links: readonly Scenario[] = [
  {
    name: 'kit path made as a link first',
    happens: "/Library/Headroom leads into a folder of somebody else's, with a raise of theirs in it.",
    prepare: ({ mac }) => {
      makeTheirs(mac);
      symlinkSync('../Users/Shared/theirs', mac.kit);
    },
    visit: null,
    ends: {
      state: { policy: { sip0: null, coih: null } },
      receipt: null,
      check: async ({ mac }) => {
        const said = await (await agentOf(mac)).placeKit();
        expect(said).toMatch(/place_kit: failed KIT_FOLDER_NOT_OURS: .*expected a real folder, seen a link/);
        expectTheirsAlone(mac);
        const { findings, visit } = await MacInState.of(mac).look();
        expect(visit, 'no visit is asked for').toBeNull();
        expect(findings.find(({ code }) => code === 'KIT_FOLDER_FOREIGN')).toMatchObject({
          severity: 'blocker',
          nextStep: expect.stringMatching(/who made \/Library\/Headroom.*remove it/),
        });
      },
    },
    remedy: {
      text: 'find out who made it, remove it; Headroom places the kit then',
      follow: async ({ mac, raise }) => {
        rmSync(mac.kit);
        await (await agentOf(mac)).placeKit();
        await raise();
        expectTheirsAlone(mac);
      },
    },
    finally: 'raised',
  },
  {
    name: 'file of the kit made as a link first',
    happens: 'raise in /Library/Headroom leads to a file of somebody else; placing the kit replaces the link.',
    prepare: async ({ mac }) => {
      makeTheirs(mac);
      mkdirSync(mac.kit);
      symlinkSync('../../Users/Shared/theirs/raise', join(mac.kit, 'raise'));
      expect(await (await agentOf(mac)).placeKit()).toMatch(/place_kit: succeeded/);
    },
    visit: ({ raise }) => raise(),
    ends: { receipt: 'done', check: ({ mac }) => expectTheirsAlone(mac) },
    remedy: { text: 'none: what lies in the kit is what the agent put there' },
    finally: 'raised',
  },
];
