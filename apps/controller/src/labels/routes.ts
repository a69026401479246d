import { FILTER_CHARS_MAX, hostFieldNames } from '@headroom/core';
import { z } from 'zod';
import { labelRuleEtag } from '../api/etag.ts';
import { idParams, isoDate } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { labelText } from '../policies/selector.ts';
import type { LabelRules } from './label-rules.ts';
import { previewRule } from './rule-sql.ts';

/** Macs named for each answer of a preview. */
const NAMED_MAX = 100;

const filter = z
  .string()
  .min(1)
  .max(FILTER_CHARS_MAX)
  .describe(`By what a Mac is: ${hostFieldNames('rule').join(', ')}. Unknown keeps the label that is there.`);
const ruleBody = z.strictObject({ label: labelText, filter });

const ruleView = z.object({
  id: z.uuid(),
  label: z.string(),
  filter: z.string(),
  hosts: z.number().int().describe('Macs that have the label by this rule.'),
  spreading: z.boolean().describe('Its last change has not been brought to every Mac yet.'),
  createdBy: z.string(),
  createdAt: isoDate,
  changedAt: isoDate,
});

const named = z.object({
  count: z.number().int(),
  hosts: z.array(z.object({ id: z.uuid(), name: z.string() })).describe(`The first ${NAMED_MAX}.`),
});
const preview = z.object({
  gives: named.describe('Get the label.'),
  takes: named.describe('Lose the label, which an earlier form of the rule gave.'),
  keeps: named.describe('Have it, and keep it.'),
  unknown: named.describe('A fact that the filter needs is unknown: they stay as they are.'),
});
type Preview = z.input<typeof preview>;

interface JudgedHost {
  readonly hostId: string;
  readonly name: string;
  readonly fits: boolean | null;
  readonly has: boolean;
  readonly byAdmin: boolean;
}

export function labelRuleRoutes(database: Database, rules: LabelRules): readonly Route[] {
  const view = async (id?: string) => {
    const rows = await database.prisma.labelRule.findMany({
      where: { removedAt: null, ...(id !== undefined && { id }) },
      orderBy: { label: 'asc' },
    });
    const counts = await database.prisma.hostLabel.groupBy({ by: ['ruleId'], _count: true });
    const hosts = new Map(counts.map(({ ruleId, _count }) => [ruleId, _count]));
    return rows.map(({ id: ruleId, label, filter: text, createdBy, createdAt, changedAt, spreadAt }) => ({
      id: ruleId,
      label,
      filter: text,
      hosts: hosts.get(ruleId) ?? 0,
      spreading: spreadAt === null,
      createdBy,
      createdAt: createdAt.toISOString(),
      changedAt: changedAt.toISOString(),
    }));
  };
  const one = async (id: string) => {
    const [rule] = await view(id);
    if (rule === undefined) throw new Problem('NOT_FOUND', `There is no label rule ${id}.`);
    return rule;
  };
  return [
    route({
      id: 'listLabelRules',
      method: 'GET',
      path: '/api/v1/label-rules',
      permission: 'host.read',
      summary: 'Rules that give labels by what a Mac is.',
      status: 200,
      reply: z.object({ items: z.array(ruleView) }),
      handle: async () => ({ items: await view() }),
    }),
    route({
      id: 'getLabelRule',
      method: 'GET',
      path: '/api/v1/label-rules/{id}',
      permission: 'host.read',
      summary: 'One rule.',
      status: 200,
      params: idParams,
      reply: ruleView,
      etag: labelRuleEtag,
      handle: ({ params: { id } }) => one(id),
    }),
    route({
      id: 'createLabelRule',
      method: 'POST',
      path: '/api/v1/label-rules',
      permission: 'label_rule.write',
      summary: 'Gives a label to the Macs that fit, now and whenever their facts change. No intent changes by it.',
      status: 201,
      body: ruleBody,
      reply: ruleView,
      etag: labelRuleEtag,
      handle: async ({ body, actor, now }) => one(await rules.create(body, { actor: actor.name, now })),
    }),
    route({
      id: 'previewLabelRule',
      method: 'POST',
      repeat: 'again',
      path: '/api/v1/label-rules/preview',
      permission: 'host.read',
      summary: 'Which Macs a rule would give its label to, and take it from. Changes nothing.',
      status: 200,
      body: ruleBody,
      reply: preview,
      handle: async ({ body }) => {
        const { text, values } = previewRule(body);
        return sorted((await database.pool.query<JudgedHost>(text, [...values])).rows);
      },
    }),
    route({
      id: 'changeLabelRule',
      method: 'PATCH',
      path: '/api/v1/label-rules/{id}',
      permission: 'label_rule.write',
      summary: 'Another filter for the same label.',
      status: 200,
      conditional: true,
      params: idParams,
      body: z.strictObject({ filter }),
      reply: ruleView,
      etag: labelRuleEtag,
      handle: async ({ params: { id }, body, actor, now, ifMatch }) => {
        await rules.change(id, body.filter, { actor: actor.name, now }, ifMatch);
        return one(id);
      },
    }),
    route({
      id: 'deleteLabelRule',
      method: 'DELETE',
      path: '/api/v1/label-rules/{id}',
      permission: 'label_rule.write',
      summary: 'Ends a rule: its labels are taken back, and those that an admin gave stay.',
      status: 200,
      conditional: true,
      params: idParams,
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params: { id }, actor, now, ifMatch }) => {
        await rules.remove(id, { actor: actor.name, now }, ifMatch);
        return { id };
      },
    }),
  ];
}

function sorted(rows: readonly JudgedHost[]): Preview {
  const answer = (fits: (row: JudgedHost) => boolean) => {
    const found = rows.filter(fits);
    return { count: found.length, hosts: found.slice(0, NAMED_MAX).map(({ hostId: id, name }) => ({ id, name })) };
  };
  return {
    gives: answer(({ fits, has }) => fits === true && !has),
    takes: answer(({ fits, has, byAdmin }) => fits === false && has && !byAdmin),
    keeps: answer(({ fits, has, byAdmin }) => has && (fits === true || (fits === false && byAdmin))),
    unknown: answer(({ fits }) => fits === null),
  };
}
