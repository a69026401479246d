/**
 * Macs that can be simulated, by kernel variant. Chip and board ids are what `bputil` prints; those not seen in a capture say so.
 */
import type { ProvenanceKind } from './provenance-kind.ts';

export interface MacModel {
  readonly variant: string;
  readonly model: string;
  readonly chip: string;
  readonly chipId: string;
  readonly boardId: string;
  readonly target: string;
  readonly machineName: string;
  /** As `system_profiler` prints it: all, performance, efficiency. */
  readonly processors: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly provenance: ProvenanceKind;
}

const GB = 1024 ** 3;

function mac(
  variant: string,
  model: string,
  chip: string,
  ids: readonly [chipId: string, boardId: string],
  target: string,
  machineName: string,
  processors: readonly [all: number, performance: number, efficiency: number],
  memoryGb: number,
  provenance: ProvenanceKind,
): MacModel {
  return {
    variant,
    model,
    chip,
    chipId: ids[0],
    boardId: ids[1],
    target,
    machineName,
    processors: `proc ${processors.join(':')}`,
    cores: processors[0],
    memoryBytes: memoryGb * GB,
    provenance,
  };
}

/** First entry of a variant is the one that `--variant` alone means. */
export const MACS: readonly MacModel[] = [
  mac('T8103', 'Macmini9,1', 'Apple M1', ['0x8103', '0x22'], 'J274AP', 'Mac mini', [8, 4, 4], 16, 'documented'),
  mac(
    'T6000',
    'MacBookPro18,1',
    'Apple M1 Pro',
    ['0x6000', '0xA'],
    'J316sAP',
    'MacBook Pro',
    [10, 8, 2],
    32,
    'captured',
  ),
  mac('T8112', 'Mac14,2', 'Apple M2', ['0x8112', '0x28'], 'J413AP', 'MacBook Air', [8, 4, 4], 24, 'captured'),
  mac('T6020', 'Mac14,12', 'Apple M2 Pro', ['0x6020', '0x2'], 'J474sAP', 'Mac mini', [10, 6, 4], 32, 'captured'),
  mac('T6020', 'Mac14,9', 'Apple M2 Pro', ['0x6020', '0x4'], 'J414sAP', 'MacBook Pro', [10, 6, 4], 32, 'captured'),
  mac('T8122', 'Mac15,3', 'Apple M3', ['0x8122', '0x22'], 'J504AP', 'MacBook Pro', [8, 4, 4], 24, 'documented'),
  mac('T6030', 'Mac15,6', 'Apple M3 Pro', ['0x6030', '0x4'], 'J514sAP', 'MacBook Pro', [11, 5, 6], 36, 'documented'),
  mac('T6031', 'Mac15,9', 'Apple M3 Max', ['0x6031', '0x6'], 'J516cAP', 'MacBook Pro', [16, 12, 4], 64, 'captured'),
  mac('T8132', 'Mac16,1', 'Apple M4', ['0x8132', '0x22'], 'J604AP', 'MacBook Pro', [10, 4, 6], 24, 'captured'),
  mac('T6041', 'Mac16,11', 'Apple M4 Pro', ['0x6040', '0x2'], 'J773sAP', 'Mac mini', [12, 8, 4], 64, 'documented'),
  mac('T6041', 'Mac16,5', 'Apple M4 Max', ['0x6041', '0x6'], 'J616cAP', 'MacBook Pro', [16, 12, 4], 128, 'captured'),
  mac('T8142', 'Mac17,4', 'Apple M5', ['0x8142', '0x22'], 'J813AP', 'MacBook Air', [10, 4, 6], 24, 'captured'),
  mac('T6050', 'Mac17,7', 'Apple M5 Max', ['0x6050', '0x6'], 'J714cAP', 'MacBook Pro', [18, 6, 12], 128, 'captured'),
  mac(
    'VMAPPLE',
    'VirtualMac2,1',
    'Apple M4 Max (Virtual)',
    ['0xFE00', '0x20'],
    'VMA2MACOSAP',
    'Apple Virtual Machine 1',
    [2, 2, 0],
    4,
    'captured',
  ),
  mac(
    'X86_64',
    'Macmini8,1',
    'Intel Core i7',
    ['0x0', '0x0'],
    'Mac-7BA5B2DFE22DDD8C',
    'Mac mini',
    [6, 6, 0],
    32,
    'documented',
  ),
];

/** The Mac for a variant (and model, when named); an unknown variant gets invented numbers, so that new hardware can be tried. */
export function macFor(variant: string, model?: string): MacModel {
  const wanted = variant.toUpperCase();
  if (!/^[A-Z0-9_]{2,16}$/.test(wanted)) throw new Error(`variant ${JSON.stringify(variant)}: expected e.g. T6020`);
  const known = MACS.find((each) => each.variant === wanted && (model === undefined || each.model === model));
  if (known !== undefined) return known;
  const chipId = /^T[0-9]{4}$/.test(wanted) ? `0x${wanted.slice(1)}` : '0x9999';
  return mac(
    wanted,
    model ?? 'Mac99,1',
    `Apple ${wanted}`,
    [chipId, '0x2'],
    'J999AP',
    'Mac mini',
    [10, 6, 4],
    32,
    'invented',
  );
}

export function isAppleSilicon(variant: string): boolean {
  return variant !== 'X86_64';
}

export function isGuest(variant: string): boolean {
  return variant === 'VMAPPLE';
}
