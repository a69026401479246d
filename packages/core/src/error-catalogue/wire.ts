/** Errors of the wire between agent and controller. */
import type { ErrorRow } from './row.ts';

export const WIRE_ERRORS = {
  FINISH_STALE_LEASE: {
    title: 'The finish came under an older lease',
    remedy: 'Nothing to do: the job was leased again and its newer holder reports.',
    retry: 'permanent',
    http: 409,
    grpc: 'ABORTED',
  },
  FINISH_OLD_GENERATION: {
    title: 'The finish belongs to a plan that was replaced',
    remedy: 'Nothing to do: the newer plan counts.',
    retry: 'permanent',
    http: 409,
    grpc: 'ABORTED',
  },
  FINISH_UNKNOWN_JOB: {
    title: 'The finish names a job that is not open',
    remedy: 'Nothing to do: the job was finished or withdrawn.',
    retry: 'permanent',
    http: 404,
    grpc: 'NOT_FOUND',
  },
  REPORT_OUT_OF_ORDER: {
    title: 'The report is older than one already taken',
    remedy: 'Nothing to do: the newer report counts.',
    retry: 'permanent',
    http: 409,
    grpc: 'ABORTED',
  },
  SESSION_FENCED: {
    title: 'A newer session of this host is open',
    remedy: 'If it comes back again and again, two Macs use one identity (a clone): enrol one of them again.',
    retry: 'transient',
    http: 409,
    grpc: 'ABORTED',
  },
  CERTIFICATE_REVOKED: {
    title: 'The certificate of this Mac was revoked',
    remedy: 'Enrol the Mac again with a new token, if it shall come back.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'UNAUTHENTICATED',
  },
  CERTIFICATE_EXPIRED: {
    title: 'The certificate of this Mac has expired',
    remedy:
      'Enrol the Mac again with a new token. Certificates renew by themselves while the agent runs: find out why this one did not.',
    retry: 'needs_admin',
    http: 403,
    grpc: 'UNAUTHENTICATED',
  },
  HOST_UNKNOWN: {
    title: 'No host with this identity is enrolled',
    remedy: 'Enrol the Mac again with a new token.',
    retry: 'needs_admin',
    http: 404,
    grpc: 'NOT_FOUND',
  },
  HOST_UUID_DIFFERS: {
    title: 'The hardware UUID is not the one enrolled',
    remedy: 'The identity was copied to another Mac: enrol that one with a token of its own.',
    retry: 'needs_admin',
    http: 409,
    grpc: 'PERMISSION_DENIED',
  },
  FACTS_INVALID: {
    title: 'The facts do not fit the schema',
    remedy: 'Compare the versions of agent and controller, and update the older one. First problem: {problem}',
    retry: 'needs_admin',
    http: 422,
    grpc: 'INVALID_ARGUMENT',
  },
  REPORT_REFUSED: {
    title: 'The controller refuses the report of a job again and again',
    remedy:
      'Compare the versions of agent and controller, and update the older one; then restart the agent, which sends it once more.',
    retry: 'needs_admin',
    http: 422,
    grpc: 'FAILED_PRECONDITION',
  },
  RENEWAL_INVALID: {
    title: 'The request for a new certificate is not valid',
    remedy:
      'Compare the versions of agent and controller. If the certificate ends before it is cured, enrol the Mac again.',
    retry: 'needs_admin',
    http: 422,
    grpc: 'INVALID_ARGUMENT',
  },
  KEYS_NOT_OF_FLEET: {
    title: 'The keys folder does not belong to this database',
    remedy:
      'Put the keys folder of this fleet back from its backup, or name the one that the other controllers of this fleet use (--keys-dir). If it is lost, start once with --accept-new-keys: every Mac must then enrol again, and every exception be approved again.',
    retry: 'needs_admin',
    http: 503,
    grpc: 'FAILED_PRECONDITION',
  },
} as const satisfies Record<string, ErrorRow>;
