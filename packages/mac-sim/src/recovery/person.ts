/**
 * The person at the Mac: rules that say what to type when something is shown. A rule is looked for once the screen has been
 * still for a moment, in all that was shown since the last answer; the first that fits is used.
 */
import { readFileSync, statSync } from 'node:fs';
import type { SimState } from '../state.ts';
import { recoveryUsers } from './users.ts';

export interface PersonRule {
  /** Fits what is shown. */
  readonly when: RegExp;
  /** Typed, and Return after it. */
  readonly type: string;
  /** Never shown in a transcript. */
  readonly secret: boolean;
  /** How often at most. */
  readonly times: number;
  /** Time the person takes to answer. */
  readonly afterMs: number;
  /** In place of typing, the power fails. */
  readonly powerCut: boolean;
}

export interface Person {
  readonly rules: readonly PersonRule[];
  readonly timeoutMs: number;
}

/** A rule as it stands in a person's file. */
export interface PersonRuleInput {
  readonly when: string;
  readonly type?: string;
  readonly secret?: boolean;
  readonly times?: number;
  readonly afterMs?: number;
  readonly powerCut?: boolean;
}

/** `defaults` false = only these rules; else the default person's follow them. */
export interface PersonInput {
  readonly rules?: readonly PersonRuleInput[];
  readonly timeoutMs?: number;
  readonly defaults?: boolean;
}

const TIMEOUT_MS = 60_000;
const FILE_BYTES_MAX = 64 * 1024;

/** Somebody who says yes, is an owner of this Mac, and knows that password, but no Recovery Lock. */
function defaultRules(state: SimState): readonly PersonRuleInput[] {
  const [owner] = recoveryUsers(state);
  return [
    { when: 'or Options: $', type: 'Options' },
    { when: '\\[y/n\\]: $', type: 'y' },
    { when: '\\(enter y or n\\)\\s*$', type: 'y' },
    ...(owner === undefined
      ? []
      : [
          { when: '(Username|authorized user|password for): $', type: owner.name },
          { when: 'Password: $', type: owner.password, secret: true },
          { when: 'Passphrase: $', type: owner.password, secret: true },
          { when: 'Enter password for user [^\\n]*: $', type: owner.password, secret: true },
        ]),
  ];
}

export function personFor(state: SimState, input: PersonInput = {}): Person {
  const rules = [...(input.rules ?? []), ...(input.defaults === false ? [] : defaultRules(state))];
  return { rules: rules.map(compileRule), timeoutMs: input.timeoutMs ?? TIMEOUT_MS };
}

function compileRule(rule: PersonRuleInput): PersonRule {
  const { when, type = '', secret = false, times = Number.POSITIVE_INFINITY, afterMs = 0, powerCut = false } = rule;
  return { when: new RegExp(when), type, secret, times, afterMs, powerCut };
}

const RULE_TYPES: Readonly<Record<keyof PersonRuleInput, 'string' | 'number' | 'boolean'>> = {
  when: 'string',
  type: 'string',
  secret: 'boolean',
  times: 'number',
  afterMs: 'number',
  powerCut: 'boolean',
};

/** Reads a person's file; says which rule is wrong and why. */
export function readPersonFile(path: string): PersonInput {
  if (statSync(path).size > FILE_BYTES_MAX) throw new Error(`${path}: larger than ${FILE_BYTES_MAX} bytes`);
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (!isRecord(value)) throw new Error(`${path}: expected {"rules": [...], "timeoutMs": ...}`);
  const { rules = [], timeoutMs, defaults } = value;
  if (!Array.isArray(rules)) throw new Error(`${path}: rules: expected a list`);
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0))
    throw new Error(`${path}: timeoutMs: expected a number above 0`);
  if (defaults !== undefined && typeof defaults !== 'boolean')
    throw new Error(`${path}: defaults: expected true or false`);
  rules.forEach((rule, index) => {
    const problem = problemOf(rule);
    if (problem !== null) throw new Error(`${path}: rule ${index + 1}: ${problem}`);
  });
  return {
    rules: rules as PersonRuleInput[],
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(defaults === undefined ? {} : { defaults }),
  };
}

function problemOf(rule: unknown): string | null {
  if (!isRecord(rule) || typeof rule['when'] !== 'string') return 'expected {"when": "regular expression", ...}';
  for (const [key, value] of Object.entries(rule)) {
    const wanted = (RULE_TYPES as Record<string, string>)[key];
    if (wanted === undefined) return `unknown key ${key}; known: ${Object.keys(RULE_TYPES).join(', ')}`;
    if (typeof value !== wanted) return `${key}: expected a ${wanted}`;
  }
  try {
    new RegExp(rule['when']);
    return null;
  } catch (error) {
    return `when: ${(error as Error).message}`;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
