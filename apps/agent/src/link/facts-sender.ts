/**
 * Decides which facts travel: the first of a session, those that changed, and those the controller asks for. What moves by itself,
 * such as free disk space, counts in coarse steps only.
 */
import { createHash } from 'node:crypto';
import type { Facts } from '@headroom/core';
import { factsSha256 } from '../facts/index.ts';

interface OutgoingFacts {
  /** Empty when the controller has them already. */
  readonly json: Buffer;
  /** Of the bytes as sent, then or now. */
  readonly sha256: string;
}

export interface FactsSender {
  /** Facts for a check-in. */
  forCheckIn(facts: Facts): OutgoingFacts;
  /** Facts for a finish: always whole. */
  whole(facts: Facts): OutgoingFacts;
  /** The next check-in sends them whole, whatever changed. */
  forget(): void;
}

export function newFactsSender(): FactsSender {
  let sent: { readonly meaning: string; readonly sha256: string } | null = null;
  const whole = (facts: Facts): OutgoingFacts => {
    const json = Buffer.from(JSON.stringify(facts));
    const sha256 = createHash('sha256').update(json).digest('hex');
    sent = { meaning: factsSha256(facts), sha256 };
    return { json, sha256 };
  };
  return {
    whole,
    forCheckIn(facts) {
      if (sent?.meaning === factsSha256(facts)) return { json: Buffer.alloc(0), sha256: sent.sha256 };
      return whole(facts);
    },
    forget() {
      sent = null;
    },
  };
}
