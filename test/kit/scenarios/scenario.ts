/**
 * One scenario of a visit: what goes wrong, where it ends, and what helps. The table of them is played by `npm run scenarios`
 * (all, in several shells) and in part by `npm test`; docs/scenarios.md is made from it.
 */
import type { PersonInput, PersonRuleInput, RecoverySessionResult } from '@headroom/mac-sim';
import type { PlaceFields } from '../../../apps/controller/dist/hosts/place.js';
import type { MacOptions, VisitMac } from '../visit-mac.ts';

export type End = 'raised' | 'reverted' | 'reverted-reduced';

export interface SessionOptions {
  readonly line?: string;
  readonly person?: PersonInput;
  readonly paired?: boolean;
  readonly lacking?: readonly string[];
}

/** What a person does at this Mac, in the shell that the scenario is played in. */
export interface Visitor {
  readonly mac: VisitMac;
  raise(options?: SessionOptions): Promise<RecoverySessionResult>;
  revert(options?: SessionOptions): Promise<RecoverySessionResult>;
}

export interface Scenario {
  readonly name: string;
  /** One sentence: what happens. */
  readonly happens: string;
  readonly mac?: MacOptions;
  /** Raised before it begins? */
  readonly raised?: boolean;
  readonly prepare?: (visitor: Visitor) => unknown;
  /** Null = nobody visits; what was prepared is all. */
  readonly visit: ((visitor: Visitor) => Promise<RecoverySessionResult>) | null;
  readonly ends: {
    /** Seen by the person. */
    readonly says?: RegExp;
    /** What the state of the Mac holds then. */
    readonly state?: object;
    /** Outcome in the receipt; null = there is none. */
    readonly receipt: string | null;
    /** What the agent's facts tell; only where macOS runs. */
    readonly observed?: string;
    readonly check?: (visitor: Visitor) => unknown;
  };
  readonly remedy: {
    /** In words, for the table. */
    readonly text: string;
    /** The same on the screen of the visit; without it the remedy stands on the run sheet or Headroom does it. */
    readonly onScreen?: RegExp;
    /** The same on the run sheet of this Mac, as one line of words; `place` = what admins keep of it. */
    readonly onSheet?: { readonly says: RegExp; readonly place?: Partial<PlaceFields> };
    /** Follows it literally; what is typed comes out of the match where the screen says a command. Without it nothing is left to do. */
    readonly follow?: (visitor: Visitor, shown: RegExpExecArray) => unknown;
  };
  readonly finally: End;
  /** Played by `npm test` too. */
  readonly inTests?: true;
  /** Played in busybox ash and mksh too. */
  readonly inMoreShells?: true;
}

/** A person who answers differently where these rules say so, and else as the default person. */
export function person(...rules: readonly PersonRuleInput[]): SessionOptions {
  return { person: { rules } };
}

/** Types one line after the other, each when the prompt is back; the first is the session's own line. */
export function typing(first: string, ...lines: readonly string[]): SessionOptions {
  return { line: first, ...person(...lines.map((line) => atPrompt(line))) };
}

export function atPrompt(line: string, times = 1): PersonRuleInput {
  return { when: 'bash-3\\.2# $', type: line, times };
}

/** Fits a first group of rows into the table under its title. */
export interface ScenarioGroup {
  readonly title: string;
  readonly scenarios: readonly Scenario[];
}
