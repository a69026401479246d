/** Errors of consent: grants and boot arguments. Answered by the agent before it lowers anything, and by the evaluator. */
import type { ErrorRow } from './row.ts';

export const CONSENT_ERRORS = {
  GRANT_MISSING: {
    title: 'No grant covers this Mac',
    remedy: 'Approve an exception that names this Mac, this quota and these arguments.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  GRANT_UNREADABLE: {
    title: 'The grant cannot be read',
    remedy: 'Approve the exception again, so that a new grant is signed. If it happens again, compare the versions.',
    retry: 'needs_admin',
    http: 422,
    grpc: 'INVALID_ARGUMENT',
  },
  GRANT_SIGNATURE_WRONG: {
    title: 'The grant is not signed by the key pinned on this Mac',
    remedy:
      'Find out who made this grant before anything else. If the grant key was changed on purpose, place the new key on the Mac by MDM, or sign it with the old one.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  GRANT_OTHER_FLEET: {
    title: 'The grant belongs to another fleet',
    remedy: 'Approve an exception in the fleet that this Mac is enrolled in.',
    retry: 'permanent',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  GRANT_OTHER_HOST: {
    title: 'The grant does not name this Mac',
    remedy: 'Approve an exception that names this Mac: grants are frozen at approval and never widen.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  GRANT_QUOTA_EXCEEDED: {
    title: 'The quota is above what the grant allows',
    remedy: 'Lower the quota of the policy, or approve an exception for the higher one.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  GRANT_ARGS_EXCEEDED: {
    title: 'A boot argument is not named by the grant',
    remedy: 'Take the argument out of the policy, or approve an exception that names it.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  GRANT_NOT_YET_VALID: {
    title: 'The grant is not valid yet',
    remedy: 'Wait until it starts. If it should have started, compare the clocks of the Mac and the controller.',
    retry: 'transient',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  GRANT_EXPIRED: {
    title: 'The grant has expired',
    remedy: 'Renew the exception, or take the Mac back to stock.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  GRANT_SIMULATION_MISMATCH: {
    title: 'A simulation grant and a real Mac do not go together, nor the other way round',
    remedy: 'Use simulation grants for simulated Macs only, and real ones for real Macs only.',
    retry: 'permanent',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  BOOT_ARGS_FORBIDDEN: {
    title: 'Boot arguments are stored, or asked for, that no raise may be combined with',
    remedy: 'Remove them on the Mac (`sudo nvram -p` shows them): {words}. Headroom never deletes an argument.',
    retry: 'needs_admin',
    http: 409,
    grpc: 'FAILED_PRECONDITION',
  },
  BOOT_ARGS_FOREIGN: {
    title: 'Boot arguments are stored that the exception does not name',
    remedy: 'Name them in the exception, or remove them on the Mac: {words}.',
    retry: 'needs_admin',
    http: 409,
    grpc: 'FAILED_PRECONDITION',
  },
  BOOT_ARGS_NOT_ALLOWED: {
    title: 'The policy asks for a boot argument that is neither on the allow-list nor named by the exception',
    remedy: 'Take it out of the policy, or name it in the exception: {words}.',
    retry: 'needs_admin',
    http: 422,
    grpc: 'INVALID_ARGUMENT',
  },
  BOOT_ARGS_TOO_LONG: {
    title: 'The boot arguments do not fit into 1024 bytes',
    remedy: 'Remove arguments on the Mac, or from the policy, until the line fits.',
    retry: 'needs_admin',
    http: 422,
    grpc: 'FAILED_PRECONDITION',
  },
} as const satisfies Record<string, ErrorRow>;
