/** The impact of a proposal in a few figures. */
import { HANDS, type ProposedHost, RISKS } from './proposed-host.ts';

export interface ProposalSummary {
  readonly hosts: number;
  readonly unknown: number;
  readonly byRisk: Readonly<Record<string, number>>;
  readonly byHands: Readonly<Record<string, number>>;
  readonly bySteps: Readonly<Record<string, number>>;
  readonly blocked: number;
  readonly blockedBy: readonly { readonly code: string; readonly title: string; readonly hosts: number }[];
  /** Of the Macs that need one. */
  readonly grant: { readonly covers: number; readonly of: number; readonly text: string };
}

export function summarize(hosts: readonly ProposedHost[], unknown: number): ProposalSummary {
  const causes = new Map<string, { code: string; title: string; hosts: number }>();
  for (const { code, title } of hosts.flatMap((host) => host.blockedBy)) {
    const known = causes.get(code) ?? { code, title, hosts: 0 };
    causes.set(code, { ...known, hosts: known.hosts + 1 });
  }
  const needing = hosts.filter(({ covered }) => covered !== null);
  const covers = needing.filter(({ covered }) => covered).length;
  const steps = [...new Set(hosts.flatMap((host) => host.steps))].sort();
  return {
    hosts: hosts.length,
    unknown,
    byRisk: counted(RISKS, (risk) => hosts.filter((host) => host.risk === risk).length),
    byHands: counted(HANDS, (hands) => hosts.filter((host) => host.needsHands === hands).length),
    bySteps: counted(steps, (step) => hosts.filter((host) => host.steps.includes(step)).length),
    blocked: hosts.filter(({ blockedBy }) => blockedBy.length > 0).length,
    blockedBy: [...causes.values()].sort((left, right) => right.hosts - left.hosts),
    grant: { covers, of: needing.length, text: `grant covers ${covers} of ${needing.length}` },
  };
}

function counted(names: readonly string[], count: (name: string) => number): Readonly<Record<string, number>> {
  return Object.fromEntries(names.map((name) => [name, count(name)]));
}
