/** An update of macOS that is not installed yet: offered, prepared in Preboot, enforced by MDM; and the files that tell of it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { simPaths } from './paths.ts';
import type { ProvenanceRow } from './provenance.ts';
import { dict, plist } from './render/plist.ts';
import { type PendingUpdate, type SimState, updateState } from './state.ts';

const DECLARATIONS = 'private/var/db/softwareupdate/SoftwareUpdateDDMStatePersistence.plist';
const PROPOSED = 'cryptex1/proposed/SystemVersion.plist';

export const UPDATE_FILES_PROVENANCE: readonly ProvenanceRow[] = [
  {
    tool: `file /${DECLARATIONS}`,
    form: 'an enforced update',
    provenance: 'documented',
    source: "Apple's keys of softwareupdate.enforcement.specific; place and nesting as public tools read them",
  },
  {
    tool: `file Preboot/<group>/${PROPOSED}`,
    form: 'a prepared update',
    provenance: 'invented',
    source: 'one public admin tool reads it there; that macOS always writes it is our guess',
  },
];

/** null = nothing is offered any more. */
export function offerUpdate(dir: string, update: PendingUpdate | null): SimState {
  return updateState(dir, (draft) => {
    draft.pendingUpdate = update;
    writeUpdateFiles(dir, draft);
  });
}

/** Makes the files say what the state says. */
export function writeUpdateFiles(dir: string, { pendingUpdate: update, volumes }: SimState): void {
  const proposed = join(simPaths(dir).preboot, volumes.group, PROPOSED);
  const system = { ProductBuildVersion: update?.build, ProductName: 'macOS', ProductVersion: update?.version };
  writeOrRemove(proposed, update?.prepared === true ? plist(dict(system)) : null);
  const declaration = { TargetLocalDateTime: update?.enforcedAt, TargetOSVersion: update?.version };
  const fields = dict({ Declarations: dict({ 'headroom-sim': dict(declaration) }) });
  const isEnforced = update?.enforcedAt !== undefined;
  writeOrRemove(join(dir, DECLARATIONS), isEnforced ? plist(dict({ SUCorePersistedStatePolicyFields: fields })) : null);
}

function writeOrRemove(file: string, text: string | null): void {
  rmSync(file, { force: true });
  if (text === null) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
