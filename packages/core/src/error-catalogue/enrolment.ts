/** Errors of `headroom-agent enroll`, found on the Mac before or after it asks the controller. */
import type { ErrorRow } from './row.ts';

export const ENROLMENT_ERRORS = {
  ENROL_OTHER_FLEET: {
    title: 'This Mac is enrolled already',
    remedy: 'To move it, remove its identity from /var/db/headroom on the Mac, then enrol again.',
    retry: 'needs_admin',
    http: 409,
    grpc: 'ALREADY_EXISTS',
  },
  ENROL_HOST_HAS_CERTIFICATE: {
    title: 'A Mac with this hardware UUID is enrolled already, with another key',
    remedy:
      'If this is that Mac, erased or set up anew: have an admin revoke its certificates (POST /api/v1/hosts/{hostId}/certificates/revoke), then enrol again. If not, somebody tries to take its place.',
    retry: 'needs_admin',
    http: 409,
    grpc: 'ALREADY_EXISTS',
  },
  ENROL_NO_HOST_UUID: {
    title: 'The hardware UUID of this Mac cannot be read',
    remedy: 'Run `ioreg -rd1 -c IOPlatformExpertDevice` on the Mac and read its text.',
    retry: 'needs_admin',
    http: 422,
    grpc: 'FAILED_PRECONDITION',
  },
  ENROL_URL_INVALID: {
    title: 'The URL of the controller cannot be used',
    remedy: 'Copy the URL whole: https://name:port.',
    retry: 'permanent',
    http: 422,
    grpc: 'INVALID_ARGUMENT',
  },
  ENROL_OTHER_CONTROLLER: {
    title: 'The controller does not present the CA that the token names',
    remedy:
      'Check the URL. If it is right, somebody stands between this Mac and the controller: do not enrol on this network.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  ENROL_UNREACHABLE: {
    title: 'The controller could not be asked',
    remedy: 'Check the URL, the network and the clock of this Mac, then run the same command again.',
    retry: 'transient',
    http: 503,
    grpc: 'UNAVAILABLE',
  },
  ENROL_REPLY_INVALID: {
    title: 'The answer of the controller cannot be used',
    remedy: 'Compare the versions of agent and controller. Nothing was kept on the Mac.',
    retry: 'needs_admin',
    http: 502,
    grpc: 'INTERNAL',
  },
  ENROL_REFUSED: {
    title: 'The controller refused the enrolment without a code',
    remedy: 'Read the log of the controller.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'PERMISSION_DENIED',
  },
  TOKEN_MISSING: {
    title: 'No enrolment token was given',
    remedy: 'Give it by --token-file FILE (- is stdin) or HEADROOM_TOKEN.',
    retry: 'permanent',
    http: 401,
    grpc: 'UNAUTHENTICATED',
  },
} as const satisfies Record<string, ErrorRow>;
