export interface Look<T> {
  readonly met: boolean;
  readonly value: T;
  /** Told when it is never met. */
  readonly seen: string;
}

const LOOK_MS = 100;

/** Looks again and again until it is met; says what was seen last when time is over. */
export async function until<T>(what: string, look: () => Promise<Look<T>>, ms: number): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const { met, value, seen } = await look();
    if (met) return value;
    if (Date.now() > end) throw new Error(`not within ${ms / 1000} s: ${what}\nlast seen: ${seen}`);
    await pause(LOOK_MS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
