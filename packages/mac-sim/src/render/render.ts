/** Writes what the reading tools print for a state. */
import type { SimState } from '../state.ts';

export function renderOutputs(_dir: string, _state: SimState): void {}
