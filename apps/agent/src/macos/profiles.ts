/** profiles: is this Mac enrolled in an MDM. Seen: macOS 10.13.4 to 26. */
import { firstReading, known, type Reading, unknown } from './reading.ts';
import { linesOf, matchIn, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const PROFILES = '/usr/bin/profiles';
const profilesEnrollmentArgs = (): readonly string[] => ['status', '-type', 'enrollment'];

export interface Enrollment {
  readonly enrolled: boolean;
  /** null = enrolled, with a remark that is not known. */
  readonly userApproved: boolean | null;
  readonly automated: boolean | null;
}

export function readEnrollment(context: ToolContext): Promise<Reading<Enrollment>> {
  return readTool(context, { path: PROFILES, args: profilesEnrollmentArgs() }, parseProfiles);
}

export function parseProfiles({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<Enrollment> {
  return firstReading([stdout, stderr], (printed) => enrollmentIn(linesOf(printed), quote(stdout, stderr)));
}

function enrollmentIn(lines: readonly string[], printed: string): Reading<Enrollment> {
  const mdm = matchIn(lines, /^\s*MDM enrollment:\s*(Yes|No)\b\s*(.*?)\s*$/);
  if (mdm === null) return unknown(`profiles printed no enrolment: ${printed}`);
  const dep = matchIn(lines, /^\s*Enrolled via DEP:\s*(Yes|No)\b/)?.[1];
  const enrolled = mdm[1] === 'Yes';
  return known({
    enrolled,
    userApproved: enrolled ? approvedOf(mdm[2]) : false,
    automated: dep === undefined ? null : dep === 'Yes',
  });
}

/** What stands after "Yes" is in the system's language. */
function approvedOf(remark: string | undefined): boolean | null {
  if (remark === '(User Approved)') return true;
  return remark === '' ? false : null;
}
