/** Who may call what, in one place. A procedure without a row does not compile. */
import type { AgentServiceService } from '@headroom/proto';

/** agent = a Mac with a certificate of this fleet that counts. It acts for itself only: no request names a host. */
export type RpcPermission = 'agent';

export const RPC_PERMISSIONS = {
  openSession: 'agent',
  checkIn: 'agent',
  lease: 'agent',
  renew: 'agent',
  finish: 'agent',
  nudges: 'agent',
  fetchKdk: 'agent',
  renewCertificate: 'agent',
} as const satisfies Record<keyof AgentServiceService, RpcPermission>;
