/** Who may do what. Every route names one permission; a role is a set of them. `public` is for what tells nothing. */
export const PERMISSIONS = [
  'me.read',
  'host.read',
  'host.label',
  'host.place',
  'label_rule.write',
  'host.retire',
  'host.revert',
  'host.forget',
  'host.witness',
  'certificate.revoke',
  'readiness.read',
  'update.accept',
  'enrol_token.create',
  'enrol_token.read',
  'enrol_token.revoke',
  'policy.read',
  'policy.write',
  'policy.apply',
  'exception.read',
  'exception.approve',
  'exception.revoke',
  'rollout.read',
  'job.read',
  'job.cancel',
  'job.replay',
  'visit.read',
  'visit.open',
  'visit.note',
  'visit.plan',
  'kdk.read',
  'kdk.write',
  'webhook.read',
  'webhook.write',
  'audit.read',
  'metrics.read',
  'api_token.read',
  'api_token.write',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

export const ROLES = ['admin', 'technician', 'approver', 'reader', 'tool'] as const;
export type Role = (typeof ROLES)[number];

const READING: readonly Permission[] = [
  'me.read',
  'host.read',
  'readiness.read',
  'policy.read',
  'exception.read',
  'rollout.read',
  'job.read',
  'visit.read',
  'kdk.read',
];

/** `tool` = another program: it reads, brings KDK images and enrols Macs, and can't give a quota or open a visit. */
const ROLE_PERMISSIONS: Readonly<Record<Role, readonly Permission[]>> = {
  admin: PERMISSIONS,
  technician: [...READING, 'visit.open', 'visit.note', 'visit.plan'],
  approver: [...READING, 'exception.approve', 'exception.revoke', 'update.accept', 'audit.read'],
  reader: READING,
  tool: [...READING, 'metrics.read', 'kdk.write', 'enrol_token.create', 'host.label', 'host.witness', 'host.place'],
};

export function isRole(text: string): text is Role {
  return (ROLES as readonly string[]).includes(text);
}

export function permissionsOf(role: Role): readonly Permission[] {
  return ROLE_PERMISSIONS[role];
}
