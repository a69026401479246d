/**
 * Overdue: an open visit explains silence for a while, and the Mac is silent for longer. Nothing says why, so the causes are
 * gone through in this order, the likely and cheap ones first.
 */
import type { VisitKind } from './evaluate-types.ts';
import type { FileVaultStatus } from './facts.ts';

export const OVERDUE_CAUSES = [
  'unlock_screen',
  'still_in_recovery',
  'failed_boot',
  'daemon_off',
  'network_withdrawn',
] as const;
export type OverdueCauseId = (typeof OVERDUE_CAUSES)[number];

export interface OverdueCause {
  readonly id: OverdueCauseId;
  /** What is seen at the Mac. */
  readonly look: string;
  readonly act: string;
}

const ROWS: Readonly<Record<OverdueCauseId, Omit<OverdueCause, 'id'>>> = {
  unlock_screen: {
    look: 'An account and a password field: FileVault waits to be unlocked',
    act: 'sign in; the agent starts by itself and is heard within minutes',
  },
  still_in_recovery: {
    look: 'Startup options, recoveryOS or its Terminal: somebody is still at it, or the restart was never answered',
    act: 'finish the line, then type reboot; say "done" anew when you leave',
  },
  failed_boot: {
    look: '"Custom kernel failed to boot", "needs to be reinstalled", a bar that never ends, or one restart after the other',
    act: 'follow the break-glass page of this Mac: hold the power button, Options, Terminal, then its line',
  },
  daemon_off: {
    look: 'macOS runs and is logged in: the agent may be switched off',
    act: 'System Settings > General > Login Items & Extensions: switch Headroom on; run headroom-agent doctor',
  },
  network_withdrawn: {
    look: 'macOS runs without a network: with SIP off, network access or its certificate may be withdrawn',
    act: 'ask who runs MDM, VPN and network access to exempt this Mac; meanwhile connect another network',
  },
};

/** Those that can be, in order. */
export function overdueCauses(kind: VisitKind, fileVault: FileVaultStatus | null): readonly OverdueCause[] {
  const cannotBe: readonly OverdueCauseId[] = [
    ...(fileVault === 'off' ? (['unlock_screen'] as const) : []),
    ...(kind === 'restart' ? (['still_in_recovery'] as const) : []),
    // A revert switches SIP on again.
    ...(kind === 'revert' ? (['network_withdrawn'] as const) : []),
  ];
  return OVERDUE_CAUSES.filter((id) => !cannotBe.includes(id)).map((id) => ({ id, ...ROWS[id] }));
}

/** As one sentence each, numbered, for a place that holds plain text. */
export function causesText(causes: readonly OverdueCause[]): string {
  return causes.map(({ look, act }, index) => `${index + 1}. ${look}: ${act}.`).join(' ');
}
