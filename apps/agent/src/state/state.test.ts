import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { emptyFacts } from '@headroom/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isObject } from '../files.ts';
import { parsePlistDict } from '../macos/plist.ts';
import { type FakeMac, fakeMac } from '../testing/fake-mac.ts';
import { AGENT_VERSION } from '../version.ts';
import { noteBoot, noteGeneration, noteSession, readBootState } from './boot-state.ts';
import { takeLock } from './lock.ts';
import { macStatusOf } from './mac-status.ts';
import { openStatusFile, readStatus } from './status-file.ts';

/** Words of the page that are values, and no keys. */
const VALUES = ['link', 'drain', 'over'];

let mac: FakeMac;
beforeEach(() => {
  mac = fakeMac();
});
afterEach(() => mac.remove());

describe('boot state', () => {
  it('counts distinct boot sessions and never forgets a generation', async () => {
    expect((await noteBoot(mac, 'A')).bootOrdinal).toBe(1);
    expect((await noteBoot(mac, 'A')).bootOrdinal).toBe(1);
    await noteGeneration(mac, 9);
    await noteGeneration(mac, 4);
    await noteSession(mac, 7n);
    await noteSession(mac, 6n);
    const expected = { bootSessionId: 'B', bootOrdinal: 2, highestGeneration: 9, highestSession: 7 };
    expect(await noteBoot(mac, 'B')).toEqual(expected);
    expect(await readBootState(mac)).toEqual(expected);
  });

  it('goes on from the file of an agent that kept no session number', async () => {
    mac.file('/var/db/headroom/state.json', '{"bootSessionId":"A","bootOrdinal":3,"highestGeneration":2}');
    const expected = { bootSessionId: 'A', bootOrdinal: 3, highestGeneration: 2, highestSession: 0 };
    expect(await readBootState(mac)).toEqual(expected);
  });

  it('does not start anew from a damaged file, and keeps its folder private', async () => {
    await noteBoot(mac, 'A');
    expect(statSync(mac.path('/var/db/headroom')).mode & 0o777).toBe(0o700);
    mac.file('/var/db/headroom/state.json', '{"bootOrdinal":-1}');
    await expect(readBootState(mac)).rejects.toThrow(/damaged/);
  });
});

describe('numbers of a controller that was taken over', () => {
  it('are refused before they are kept: what comes later would be unreadable', async () => {
    await expect(noteSession(mac, 2n ** 53n)).rejects.toThrow(/expected 4503599627370496 or less/);
    expect(await readBootState(mac)).toMatchObject({ highestSession: expect.any(Number) });
  });
});

describe('lock', () => {
  it('clears away the files of tries that were killed, and leaves that of one who still tries', async () => {
    mac.file('/var/db/headroom/agent.lock.99999999-1', '');
    mac.file(`/var/db/headroom/agent.lock.${process.ppid}-1`, '');
    const release = await takeLock(mac);
    expect(readdirSync(mac.path('/var/db/headroom')).sort()).toEqual(['agent.lock', `agent.lock.${process.ppid}-1`]);
    await release();
  });

  it('of a killed agent is taken over by one of many who come at once', async () => {
    for (let round = 0; round < 60; round++) {
      mac.file('/var/db/headroom/agent.lock', `99999999 another-boot ${round}`);
      const taken = await Promise.allSettled(Array.from({ length: 5 }, () => takeLock(mac)));
      const holders = taken.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(holders).toHaveLength(1);
      await holders[0]?.();
    }
  });

  it('has one holder, and can be taken again after it', async () => {
    const release = await takeLock(mac);
    await expect(takeLock(mac)).rejects.toThrow(/Another agent \(process [0-9]+\) works on/);
    await release();
    await (await takeLock(mac))();
  });

  it('is taken over from a process that ended, also when its id is in use again', async () => {
    const child = spawn(process.execPath, ['--version']);
    await new Promise((resolve) => child.once('close', resolve));
    mac.file('/var/db/headroom/agent.lock', `${child.pid} some-boot 123`);
    await (await takeLock(mac))();
    writeFileSync(mac.path('/var/db/headroom/agent.lock'), `${process.pid} another-boot 1`);
    await (await takeLock(mac))();
  });
});

describe('status file', () => {
  it('holds the newest of each field', async () => {
    const file = await openStatusFile(mac, (error) => {
      throw error;
    });
    void file.update({ hostId: 'h' });
    await file.update({ lastContactAt: 'now' });
    expect(await readStatus(mac)).toMatchObject({ hostId: 'h', lastContactAt: 'now', agentVersion: AGENT_VERSION });
    const plist = parsePlistDict(readFileSync(mac.path('/var/db/headroom/status.plist'), 'utf8'));
    const same = { hostId: 'h', lastContactAt: 'now', agentVersion: AGENT_VERSION, pid: process.pid };
    expect(plist).toEqual({ ok: true, value: same });
  });

  it('holds the keys that docs/agent.md names, no more and no less', async () => {
    const file = await openStatusFile(mac, () => {});
    const at = '2026-11-23T12:00:00.000Z';
    await file.update({
      job: { jobId: 'j', kind: 'build_kc', progress: 'p' },
      lastError: { code: 'UNREACHABLE', detail: 'd', at, of: 'link' },
      mac: macStatusOf(emptyFacts('not read')),
      visit: { visitId: 'v', kind: 'raise', phase: 'drain', since: at },
    });
    const page = readFileSync(new URL('../../../../docs/agent.md', import.meta.url), 'utf8');
    const table = /<!-- status keys -->([\s\S]*)<!-- \/status keys -->/.exec(page)?.[1] ?? '';
    const named = [...table.matchAll(/`([A-Za-z]+(?:\.[A-Za-z]+)?)`/g)].map(([, key]) => key);
    const written = Object.entries((await readStatus(mac)) ?? {}).flatMap(([key, value]) =>
      isObject(value) ? [key, ...Object.keys(value).map((part) => `${key}.${part}`)] : [key],
    );
    expect(written.sort()).toEqual([...new Set(named)].filter((key) => !VALUES.includes(key ?? '')).sort());
  });

  it('does not say that no kit is placed where it cannot be read', () => {
    const facts = emptyFacts('not read');
    expect(macStatusOf(facts).visitKitPlaced).toBe(null);
    expect(macStatusOf({ ...facts, unknown: {} }).visitKitPlaced).toBe(false);
  });

  it('takes an error back when that one is over, and no other', async () => {
    const file = await openStatusFile(mac, () => {});
    const lastError = { code: 'UNREACHABLE', detail: 'd', at: 'now', of: 'link' } as const;
    await file.update({ lastError });
    await file.clearError('SESSION_FENCED');
    expect(await readStatus(mac)).toMatchObject({ lastError });
    await file.clearError('UNREACHABLE');
    expect(await readStatus(mac)).toMatchObject({ lastError: null });
  });

  it('keeps what was said of a visit over a restart, and nothing else', async () => {
    const visit = { visitId: 'v', kind: 'raise', phase: 'drain', since: '2026-11-23T12:00:00.000Z' };
    const before = await openStatusFile(mac, () => {});
    await before.update({ hostId: 'h', visit });
    const after = await openStatusFile(mac, () => {});
    expect(after.visit()).toEqual(visit);
    await after.update({ fleetId: 'f' });
    expect(await readStatus(mac)).toMatchObject({ visit, hostId: null, fleetId: 'f' });
    const plist = parsePlistDict(readFileSync(mac.path('/var/db/headroom/status.plist'), 'utf8'));
    expect(plist).toMatchObject({ value: { visit } });
  });

  it.each(['half a fi', '[]', '{"visit": {"phase": "drain"}}', '{"visit": "drain"}'])(
    'starts over %s',
    async (text) => {
      mac.file('/var/db/headroom/status.json', text);
      expect((await openStatusFile(mac, () => {})).visit()).toBeNull();
    },
  );
});

describe('version', () => {
  it('is that of the package', () => {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    expect((JSON.parse(text) as { version: string }).version).toBe(AGENT_VERSION);
  });
});
