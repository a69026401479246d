/** Every output of the reading tools for one state, in one list: rendering, provenance and tests all start here. */
import type { Boot, SimState } from '../state-model.ts';
import { dfOutputs, diskutilOutputs } from './disk-tools.ts';
import { sysctlOutputs, unameOutputs } from './kernel-tools.ts';
import { lsOutputs } from './ls-tool.ts';
import { nvramOutputs, nvramVariableOutputs } from './nvram-tool.ts';
import type { Output } from './output.ts';
import { bputilOutputs, csrutilOutputs } from './policy-tools.ts';
import { psOutputs, showLoadedOutputs } from './process-tools.ts';
import { careOutputs, ioregOutputs, swVersOutputs, systemProfilerOutputs } from './system-tools.ts';

/** Outputs that lie in numbered files, chosen by their exact arguments. */
export function tableOutputs(state: SimState, boot: Boot): readonly Output[] {
  return [
    ...unameOutputs(state, boot),
    ...swVersOutputs(state),
    ...nvramOutputs(state),
    ...csrutilOutputs(state),
    ...bputilOutputs(state),
    ...systemProfilerOutputs(state),
    ...ioregOutputs(state),
    ...careOutputs(state),
    ...diskutilOutputs(state),
    ...dfOutputs(),
    ...lsOutputs(),
    ...psOutputs(state),
    ...showLoadedOutputs(state, boot),
  ];
}

/** All outputs, those with a file of their own (sysctl, single variables) included. */
export function allOutputs(state: SimState, boot: Boot): readonly Output[] {
  return [...tableOutputs(state, boot), ...sysctlOutputs(state, boot), ...nvramVariableOutputs(state)];
}
