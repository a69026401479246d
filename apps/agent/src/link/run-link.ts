/**
 * The agent's life: open a session, check in, do the work that is due, wait for a nudge or the time, again and again.
 * Guarantee: works without nudges, only slower; a lost controller is tried for ever with growing, jittered pauses; a session that
 * a newer one fenced is opened again once, and after that it is called what it is: two Macs with one identity. It ends when this Mac
 * was enrolled anew: launchd starts the agent again, with its new identity.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Facts } from '@headroom/core';
import { keepCompiledCode } from '../code-cache.ts';
import { readSessionFacts } from '../facts/index.ts';
import type { Mac } from '../mac.ts';
import { type GrantPins, openGrantPins } from '../state/grant-pins.ts';
import { readCredentials } from '../state/identity.ts';
import { macStatusOf } from '../state/mac-status.ts';
import { isDrained, nextVisitStatus } from '../state/visit-status.ts';
import { detachStaleMounts } from '../steps/kdk/mounts.ts';
import { type Backoff, backoff } from './backoff.ts';
import { ControllerError, controllerError } from './controller-error.ts';
import type { FactsReader } from './facts-reader.ts';
import { sendOldReports, type WorkPorts, workThrough } from './leased-work.ts';
import { listenToNudges } from './nudges.ts';
import { newRenewal, type Renewal } from './renewal.ts';
import { openSession, type Session } from './session.ts';
import type { Wake } from './wake.ts';

export interface LinkInput extends WorkPorts {
  readonly reader: FactsReader;
  readonly signal: AbortSignal;
  /** Ends the pause between two check-ins; a nudge of the controller does, and news of this Mac. */
  readonly wake: Wake;
  /** Overrides what the controller says. */
  readonly checkInMs: number | null;
}

const FIRST_MS = 500;
const LONGEST_MS = 60_000;
const PACE_MS_MAX = 3_600_000;
/** A fence within this time of opening a session means that somebody else keeps opening them. */
const CLONE_WINDOW_MS = 60_000;
const CLONE_PAUSE_MS = 30_000;

/** How old the facts of a check-in may be: a few check-ins, as long as a person would wait for. */
const CHECK_INS_PER_READING = 5;
const FACTS_AGE_MS_MAX = 5 * 60_000;

/** What a life needs beside what it was given. */
interface Life extends LinkInput {
  readonly pins: GrantPins;
  readonly renewal: Renewal;
  /** Ends once the images that a killed agent left attached have been looked for. */
  readonly cleared: () => Promise<void>;
  /** Trouble with the link that was noted as the last error; null when none was, or it is over. */
  trouble: string | null;
}

export async function runLink(given: LinkInput): Promise<void> {
  const { mac, log, now } = given.runner;
  const pins = await openGrantPins(mac, log);
  const renewal = newRenewal({ mac, controller: given.controller, now, log });
  const cleared = once(() => clearMounts(given));
  const verified = { ...given.runner, verify: pins.verify };
  const input: Life = { ...given, pins, renewal, cleared, trouble: null, runner: verified };
  const { signal, runner } = input;
  const pause = backoff(FIRST_MS, LONGEST_MS);
  let fencedAt = Number.NEGATIVE_INFINITY;
  let inUse = await certificateOf(mac);
  while (!signal.aborted) {
    const error = await oneSession(input, pause);
    if (signal.aborted) return;
    const kept = await certificateOf(mac);
    if (error === RENEWED) {
      inUse = kept;
      continue;
    }
    if (kept !== null && kept !== inUse) return log('this Mac was enrolled anew: the agent starts again');
    if (!error.isFenced) {
      await noteTrouble(input, error.code ?? 'UNREACHABLE', error.message);
      await rest(pause.next(), signal);
    } else if (Date.now() - fencedAt < CLONE_WINDOW_MS) {
      await noteTrouble(input, 'SESSION_FENCED', 'Another Mac seems to use the identity of this one (a clone).');
      await rest(CLONE_PAUSE_MS + pause.next(), signal);
    } else runner.log('session was fenced by a newer one, opening one more');
    if (error.isFenced) fencedAt = Date.now();
  }
}

/** null = this Mac has joined no fleet now, or what it keeps of it is damaged: the agent goes on with what it knows. */
async function certificateOf(mac: Mac): Promise<string | null> {
  return (await readCredentials(mac).catch(() => null))?.certificatePem ?? null;
}

/** Ends a session well: the next one shows the new certificate. */
const RENEWED = new ControllerError(null, 0, 'the certificate was renewed');

/** Lives until something breaks it; gives back what. */
async function oneSession(input: Life, pause: Backoff): Promise<ControllerError> {
  const { controller, runner, signal, wake, sender, reader } = input;
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  let listening: Promise<void> = Promise.resolve();
  try {
    const facts = await readSessionFacts(runner.mac);
    const session = await openSession({ mac: runner.mac, controller, facts, log: runner.log });
    sender.forget();
    reader.expire();
    pause.reset();
    listening = listenToNudges(controller, session.number, () => wake.wake(), both, runner.log);
    await input.pins.learn(session.grantKeyRotations);
    await input.pins.retire(session.grantKeyRetirements);
    await input.cleared();
    await sendOldReports(input, session);
    keepCompiledCode();
    return await rounds(input, session);
  } catch (error) {
    return error instanceof ControllerError ? error : controllerError('agent', error);
  } finally {
    ended.abort();
    await listening;
  }
}

async function rounds(input: Life, session: Session): Promise<ControllerError> {
  const { signal, wake, reader, status } = input;
  let checkInMs = input.checkInMs ?? paceOf(session.checkInMs);
  while (!signal.aborted) {
    const wasDrained = isDrained(status.visit());
    const reply = await checkIn(input, session, await reader.recent(wasDrained ? 0 : factsAgeMs(checkInMs)));
    checkInMs = input.checkInMs ?? (paceOf(reply.checkInMs) || checkInMs);
    await input.pins.learn(reply.grantKeyRotations);
    await input.pins.retire(reply.grantKeyRetirements);
    if (reply.workAvailable) {
      await clearMounts(input);
      await workThrough(input, session, signal);
    }
    if (await input.renewal.renewIfDue()) return RENEWED;
    // Somebody waits for the last guest to end: the count of a moment ago will not do.
    const mustLookNow = !wasDrained && isDrained(status.visit());
    await wake.wait(mustLookNow ? 0 : checkInMs, signal);
  }
  return new ControllerError(null, 0, 'stopped');
}

/** A controller may ask for seldom check-ins; never for so seldom ones that it is not heard of any more, or for what no timer takes. */
function paceOf(askedMs: number): number {
  return Math.min(askedMs, PACE_MS_MAX);
}

function factsAgeMs(checkInMs: number): number {
  return Math.min(FACTS_AGE_MS_MAX, CHECK_INS_PER_READING * checkInMs);
}

async function checkIn(life: Life, session: Session, facts: Facts) {
  const { controller, runner, sender, status, pins } = life;
  const send = () => {
    const { json, sha256 } = sender.forCheckIn(facts);
    return controller.checkIn({
      position: session.position(),
      factsJson: json,
      factsSha256: sha256,
      grantKeyId: pins.newest(),
      retiredGrantKeyIds: pins.retired(),
    });
  };
  let reply = await send();
  if (reply.factsWanted) {
    sender.forget();
    reply = await send();
  }
  if (life.trouble !== null) await status.clearError(life.trouble);
  life.trouble = null;
  const now = runner.now();
  const visit = nextVisitStatus(status.visit(), reply.visit, now);
  void status.update({ lastContactAt: now.toISOString(), mac: macStatusOf(facts), visit });
  return reply;
}

/** A killed agent may have left an image attached, or one could not be detached after its work; nobody else knows of it. */
async function clearMounts({ runner }: LinkInput): Promise<void> {
  try {
    const left = await detachStaleMounts(runner.mac);
    if (left.length > 0) runner.log(`still mounted: ${left.join(' ')}`);
  } catch (error) {
    runner.log(`stale mounts: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function noteTrouble(life: Life, code: string, detail: string): Promise<void> {
  const { runner, status } = life;
  life.trouble = code;
  runner.log(`${code}: ${detail}`);
  await status.update({ lastError: { code, detail, at: runner.now().toISOString(), of: 'link' } });
}

function once(task: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= task();
    return done;
  };
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => {});
}
