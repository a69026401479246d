/** Numbers of the wire within what Postgres stores; anything above is no agent of ours. */
import type { ReportPosition } from '@headroom/proto';
import { Problem } from '../common/problem.ts';
import type { Position } from './report-change.ts';

const INT4_MAX = 0x7fff_ffff;
const INT8_MAX = 0x7fff_ffff_ffff_ffffn;

export function readPosition(position: ReportPosition | undefined): Position {
  if (position === undefined) throw new Problem('VALIDATION_FAILED', 'position: missing');
  return {
    sessionNumber: readInt8('position.session_number', position.sessionNumber),
    bootOrdinal: readInt4('position.boot_ordinal', position.bootOrdinal),
    sequence: readInt8('position.sequence', position.sequence),
  };
}

export function readInt4(field: string, value: number): number {
  if (value > INT4_MAX) throw new Problem('VALIDATION_FAILED', `${field}: expected at most ${INT4_MAX}, seen ${value}`);
  return value;
}

export function readInt8(field: string, value: bigint): bigint {
  if (value > INT8_MAX) throw new Problem('VALIDATION_FAILED', `${field}: expected at most ${INT8_MAX}, seen ${value}`);
  return value;
}
