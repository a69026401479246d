/** docs/scenarios.md, made from the table. */
import type { Scenario } from './scenario.ts';
import { NOT_PLAYED, SCENARIOS } from './table.ts';

export function documentText(): string {
  const all = SCENARIOS.flatMap(({ scenarios }) => scenarios);
  const inTests = all.filter((scenario) => scenario.inTests).length;
  return [
    '# Scenarios of a visit',
    '',
    '<!-- Generated from test/kit/scenarios; renew it with: npm run scenarios -- --write-docs -->',
    '',
    'What can go wrong around a visit, played on the simulated Mac by a scripted person at a real pseudo-terminal. Each ends in the',
    'state and with the receipt named here, and the remedy, followed literally, leads to the end in the last column: by the',
    "state of the Mac and by what the agent's facts tell. No Mac was available: green here is no proof about Macs.",
    '',
    `${all.length} scenarios, ${inTests} of them in \`npm test\`; \`npm run scenarios\` plays all in dash and \`bash --posix\`, and the`,
    `${all.filter((scenario) => scenario.inMoreShells).length} marked with * in busybox ash and mksh too.`,
    '',
    ...SCENARIOS.flatMap(({ title, scenarios }) => [
      `## ${title}`,
      '',
      table(['Scenario', 'What happens', 'Receipt', 'Remedy', 'End'], scenarios.map(row)),
    ]),
    '## Not played',
    '',
    table(
      ['Scenario', 'Why'],
      NOT_PLAYED.map(({ name, why }) => [name, why]),
    ),
  ].join('\n');
}

function row({ name, happens, ends, remedy, inMoreShells, finally: end }: Scenario): readonly string[] {
  return [inMoreShells ? `${name} *` : name, happens, ends.receipt ?? 'none', remedy.text, end];
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, heads.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}
