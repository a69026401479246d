/** Which simulated Macs `npm start` makes: different variants and builds, so that one KDK never serves all. */
export interface MacChoice {
  readonly variant: string;
  readonly os: string;
  readonly build: string;
}

const CHOICES: readonly MacChoice[] = [
  { variant: 'T6020', os: '14.5', build: '23F79' },
  { variant: 'T8122', os: '15.1', build: '24B82' },
  { variant: 'T6041', os: '26.2', build: '25C56' },
];

export function choicesFor(count: number): readonly MacChoice[] {
  return Array.from(
    { length: count },
    (_, index) => CHOICES[index % CHOICES.length] ?? { variant: 'T6020', os: '14.5', build: '23F79' },
  );
}
