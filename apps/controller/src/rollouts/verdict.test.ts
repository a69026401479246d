import { type Finding, HOST_STATES, type HostState } from '@headroom/core';
import { describe, expect, it } from 'vitest';
import { type TargetView, verdict } from './verdict.ts';

const BLOCKER: Finding = {
  code: 'HOST_INTEL',
  severity: 'blocker',
  title: 'Not an Apple silicon Mac',
  detail: '',
  expected: null,
  seen: null,
  nextStep: 'Remove it.',
  path: null,
};
const view = (state: HostState, quota: number, changes: Partial<TargetView> = {}): TargetView => ({
  hostId: 'host',
  rolloutId: 'rollout',
  quota,
  state,
  waitsFor: 'A person.',
  findings: [],
  witnessed: false,
  ...changes,
});
const states = (quota: number, ended: 'succeeded' | 'failed') =>
  HOST_STATES.filter((state) => verdict(view(state, quota)).state === ended);

describe('the end of a target', () => {
  it('to be raised: well by evidence of raised alone, badly only where it can never be', () => {
    expect(states(255, 'succeeded')).toEqual(['raised']);
    expect(states(255, 'failed')).toEqual(['unsupported']);
  });

  it('to be stock: well where a stock kernel runs, by evidence', () => {
    expect(states(2, 'succeeded')).toEqual([
      'unsupported',
      'not_started',
      'kdk_missing',
      'kdk_ready',
      'kc_staged',
      'reverted',
    ]);
    expect(states(2, 'failed')).toEqual([]);
  });

  it('to be raised: prepared is enough where the policy says so, and a witness is asked for where it says that', () => {
    expect(verdict(view('ready_for_visit', 255, { success: 'prepared' })).state).toBe('succeeded');
    expect(verdict(view('kc_staged', 255, { success: 'prepared' })).state).toBe('opened');
    for (const state of ['raised_other_value', 'args_missing'] as const)
      expect(verdict(view(state, 255, { success: 'prepared' })).state).toBe('opened');
    expect(verdict(view('raised', 255, { success: 'witnessed', waitsFor: null }))).toEqual({
      state: 'opened',
      reason: 'Raised; three macOS guests alive at once are to be seen.',
    });
  });

  it('badly where a step failed for good', () => {
    const findings: Finding[] = [{ ...BLOCKER, code: 'STEP_FAILED_FOR_GOOD', title: 'Failed', nextStep: 'Cure it.' }];
    expect(verdict(view('kdk_ready', 255, { findings }))).toEqual({ state: 'failed', reason: 'Failed. Cure it.' });
  });

  it('says why it failed, or what it waits for', () => {
    const findings = [BLOCKER];
    expect(verdict(view('unsupported', 255, { findings })).reason).toBe('Not an Apple silicon Mac. Remove it.');
    expect(verdict(view('kdk_missing', 255, { findings })).reason).toBe('Not an Apple silicon Mac. Remove it.');
    expect(verdict(view('ready_for_visit', 255)).reason).toBe('A person.');
    expect(verdict(view('raised', 255)).reason).toBeNull();
  });
});
