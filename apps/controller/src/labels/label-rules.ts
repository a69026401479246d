/**
 * Rules give labels by what a Mac is. They are applied where Macs are evaluated: when facts change, and to all of them when a rule
 * changes. A label changes no intent by itself: what policies make of it is a rollout.
 */
import { formatFilter, hostFields } from '@headroom/core';
import { labelRuleEtag, requireMatch } from '../api/etag.ts';
import { toJson } from '../audit/json.ts';
import { writeAudits, writeHostEvents } from '../audit/write-many.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import { type Database, type Tx, writeAudit } from '../db/database.ts';
import { readFilter } from '../filters/filter-sql.ts';
import { markRelabelled } from '../hosts/relabelled-mark.ts';
import { applyRule, FORGET_REMOVED, MARK_NEXT, type RuledHost, type RuleText, UNSPREAD } from './rule-sql.ts';

const LABEL_RULES_MAX = 50;
const MARKED_AT_ONCE = 1_000;
const FIRST = '00000000-0000-0000-0000-000000000000';

export interface RuleOrder {
  readonly actor: string;
  readonly now: Date;
}

export class LabelRules {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
  ) {}

  async create({ label, filter }: RuleText, { actor, now }: RuleOrder): Promise<string> {
    const { siteId } = this.database;
    const id = uuidv7(now.getTime());
    const text = normalForm(filter);
    await this.database.transaction(async (tx) => {
      await lockRules(tx);
      const rules = await tx.labelRule.findMany({ where: { removedAt: null }, select: { label: true } });
      if (rules.some((rule) => rule.label === label))
        throw new Problem('CONFLICT', `There is a rule for the label ${label} already: change that one.`);
      if (rules.length >= LABEL_RULES_MAX)
        throw new Problem('CONFLICT', `There are ${rules.length} rules already; at most ${LABEL_RULES_MAX}.`);
      const times = { createdAt: now, changedAt: now };
      await tx.labelRule.create({ data: { id, siteId, label, filter: text, createdBy: actor, ...times } });
      await this.audit(tx, 'label_rule.create', id, { actor, now }, null, { label, filter: text });
    });
    await this.spread(now);
    return id;
  }

  async change(id: string, filter: string, order: RuleOrder, ifMatch: string | null): Promise<void> {
    const text = normalForm(filter);
    await this.write(id, 'label_rule.change', order, { filter: text }, ifMatch);
  }

  /** The rule gives nothing from now on; its labels go as its Macs are evaluated. */
  async remove(id: string, order: RuleOrder, ifMatch: string | null): Promise<void> {
    await this.write(id, 'label_rule.remove', order, { removedAt: order.now }, ifMatch);
  }

  /** In the evaluator's transaction, which holds these hosts. */
  async applyTo(tx: Tx, hostIds: readonly string[], now: Date): Promise<void> {
    const rules = await tx.labelRule.findMany({ orderBy: { id: 'asc' } });
    for (const { id, label, filter, removedAt } of rules) {
      const { text, values } = applyRule({ id, label, filter, removed: removedAt !== null }, hostIds);
      const changed = await tx.$queryRawUnsafe<RuledHost[]>(text, ...values);
      await this.tell(tx, changed, { ruleId: id, label, filter }, now);
    }
  }

  /** For the plain timer: Macs that a change of a rule has not been brought to, and rules that are gone to the last label. */
  async sweepOnce(now: Date): Promise<void> {
    await this.spread(now);
    await this.database.pool.query(FORGET_REMOVED);
  }

  private async write(
    id: string,
    action: string,
    { actor, now }: RuleOrder,
    change: RuleChange,
    ifMatch: string | null,
  ): Promise<void> {
    await this.database.transaction(async (tx) => {
      await lockRules(tx);
      const rule = await tx.labelRule.findFirst({ where: { id, removedAt: null } });
      if (rule === null) throw new Problem('NOT_FOUND', `There is no label rule ${id}.`);
      requireMatch(ifMatch, labelRuleEtag(rule));
      await tx.labelRule.update({ where: { id }, data: { ...change, changedAt: now, spreadAt: null } });
      const { label, filter } = rule;
      const after = change.filter === undefined ? null : { label, filter: change.filter };
      await this.audit(tx, action, id, { actor, now }, { label, filter }, after);
    });
    await this.spread(now);
  }

  /** Marks every Mac due, a thousand at a time. Cut in between, the next sweep does it again. */
  private async spread(now: Date): Promise<void> {
    const rules = await this.database.look<{ id: string; changedAt: Date }>(UNSPREAD);
    if (rules.length === 0) return;
    let last: string | null = FIRST;
    while (last !== null) {
      const { rows }: { rows: { last: string | null }[] } = await this.database.pool.query(MARK_NEXT, [
        last,
        now,
        MARKED_AT_ONCE,
      ]);
      last = rows[0]?.last ?? null;
      if (last !== null) this.bus.publish({ kind: 'due', hostId: last });
    }
    for (const { id, changedAt } of rules)
      await this.database.prisma.labelRule.updateMany({ where: { id, changedAt }, data: { spreadAt: now } });
  }

  private async tell(
    tx: Tx,
    changed: readonly RuledHost[],
    rule: { ruleId: string } & RuleText,
    at: Date,
  ): Promise<void> {
    const { siteId } = this.database;
    const labelled = changed.filter(({ change }) => change === 'given' || change === 'taken');
    await markRelabelled(
      tx,
      labelled.map(({ hostId }) => hostId),
      at,
    );
    const kind = (change: RuledHost['change']) => `label.${change}`;
    await writeHostEvents(
      tx,
      labelled.map(({ hostId, change }) => ({ siteId, hostId, at, kind: kind(change), detail: { ...rule } })),
    );
    await writeAudits(
      tx,
      changed.map(({ hostId: entityId, change }) => {
        const after = toJson(rule);
        return { actor: 'system:labels', action: `host.${kind(change)}`, entity: 'host', entityId, after, at, siteId };
      }),
    );
  }

  private audit(
    tx: Tx,
    action: string,
    entityId: string,
    { actor, now: at }: RuleOrder,
    before: RuleText | null,
    after: RuleText | null,
  ) {
    const { siteId } = this.database;
    const states = { before: before === null ? null : toJson(before), after: after === null ? null : toJson(after) };
    return writeAudit(tx, { actor, action, entity: 'label_rule', entityId, ...states, at, siteId });
  }
}

interface RuleChange {
  readonly filter?: string;
  readonly removedAt?: Date;
}

function normalForm(filter: string): string {
  return formatFilter(readFilter(filter, hostFields('rule'), 'body.filter'));
}

/** Two who make the same rule at once meet here. */
async function lockRules(tx: Tx): Promise<void> {
  await tx.$executeRaw`LOCK TABLE label_rule IN SHARE ROW EXCLUSIVE MODE`;
}
