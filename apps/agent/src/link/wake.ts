/** A wake-up that is never lost: one that comes while nobody waits makes the next wait return at once. */
export interface Wake {
  wake(): void;
  /** Ends after `ms`, at a wake-up, or when the signal is aborted; never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function newWake(): Wake {
  let pending = false;
  let ring: (() => void) | null = null;
  return {
    wake() {
      pending = true;
      ring?.();
    },
    wait(ms, signal) {
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          ring = null;
          pending = false;
          resolve();
        };
        const timer = setTimeout(done, ms);
        ring = done;
        signal.addEventListener('abort', done, { once: true });
        if (pending || signal.aborted) done();
      });
    },
  };
}
