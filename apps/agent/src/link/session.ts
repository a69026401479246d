/** An open session: its number, and the positions of its reports in order. */
import type { GrantKeyRetirement, GrantKeyRotation, ReportPosition } from '@headroom/proto';
import type { SessionFacts } from '../facts/index.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../mac.ts';
import { noteBoot, noteSession, readBootState } from '../state/boot-state.ts';
import { CAPABILITIES } from '../steps/catalogue.ts';
import { AGENT_VERSION } from '../version.ts';
import type { Controller } from './client.ts';

export interface Session {
  readonly number: bigint;
  readonly checkInMs: number;
  readonly leaseTtlMs: number;
  /** Not checked yet. */
  readonly grantKeyRotations: readonly GrantKeyRotation[];
  readonly grantKeyRetirements: readonly GrantKeyRetirement[];
  /** Each call gives the next one. */
  position(): ReportPosition;
}

export interface SessionInput {
  readonly mac: Mac;
  readonly controller: Controller;
  readonly facts: SessionFacts;
  readonly log: Log;
}

export async function openSession({ mac, controller, facts, log }: SessionInput): Promise<Session> {
  // A boot that cannot be told from the last one is not counted: later facts may tell it.
  const state = facts.bootSession === null ? await readBootState(mac) : await noteBoot(mac, facts.bootSession);
  const reply = await controller.openSession({
    agentVersion: AGENT_VERSION,
    capabilities: [...CAPABILITIES],
    hostUuid: facts.hardwareUuid ?? '',
    bootSessionId: facts.bootSession ?? '',
    bootOrdinal: state.bootOrdinal,
    highestGeneration: BigInt(state.highestGeneration),
    highestSession: BigInt(state.highestSession),
  });
  await noteSession(mac, reply.sessionNumber);
  log(`session ${reply.sessionNumber} is open`);
  let sequence = 0n;
  return {
    number: reply.sessionNumber,
    checkInMs: reply.checkInMs,
    leaseTtlMs: reply.leaseTtlMs,
    grantKeyRotations: reply.grantKeyRotations,
    grantKeyRetirements: reply.grantKeyRetirements,
    position() {
      sequence += 1n;
      return { sessionNumber: reply.sessionNumber, bootOrdinal: state.bootOrdinal, sequence };
    },
  };
}
