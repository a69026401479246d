/** What the agent's command line says about itself. */
export const USAGE = `headroom-agent: keeps the macOS guest quota of this Mac as the fleet's controller wants it.

  headroom-agent enroll --url URL --token-file FILE   join a fleet (FILE "-" is stdin; or HEADROOM_TOKEN in the environment)
  headroom-agent run [--check-in-ms N] [--exit-with-parent] [--log-file PATH]
                                      check in, work, wait; until SIGTERM
  headroom-agent status [--json]      what the agent is doing
  headroom-agent doctor [--json]      what is wrong, and what to do
  headroom-agent witness --guests N [--source NAME]
                                      say how many macOS guests are alive at once now
  headroom-agent facts --json         read this Mac once and print it
  headroom-agent apply-plan --plan FILE [--grant-key FILE] [--kdk FILE]
                                      work through a plan from a file, without a controller
  headroom-agent prepare --local [--kdk FILE] [--sha256 HEX] [--quota N] [--json]
                                      without a controller: readiness, kernel collection and run sheet; lowers nothing
  headroom-agent --version | --help

Every command takes --sysroot DIR: work on the simulated Mac in DIR instead of this one.
An enrolment token may also be given by --token TOKEN, but then every process on this Mac can see it.
Exit status: 0 done, 1 failed or refused, 2 wrong command line. In particular 1: doctor found something to look at; status: no
agent runs now; prepare: no kernel collection was built. facts exits 0 with whatever could be read, and says why of the rest.`;

export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the agent keeps is readable by root alone. */
export function isDenied(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM');
}
