/** As `publicUrl`: where whoever asks for a page reached the API, for a controller that people reach directly. */
export const OWN_URL = 'own';

/** Everything a controller process can be told, parsed once. Ports 0 = any free one (told in the log and in `ready`). */
export interface ControllerConfig {
  /** Holds keys, KDK images, embedded Postgres; one controller each. 0700. */
  readonly stateDir: string;
  readonly fleetName: string;
  /** Absent = embedded Postgres under stateDir. */
  readonly databaseUrl: string | null;
  /** Several controllers share the database and meet in this Redis. Absent = this controller is alone. Holds a password. */
  readonly redisUrl?: string | null;
  /** CA, grant key and webhook key of the fleet, shared by its controllers. Absent = `stateDir/keys`. */
  readonly keysDir?: string | null;
  /** true = the keys of this fleet are gone for good: start with new ones, whatever the database rests on. */
  readonly acceptNewKeys?: boolean;
  /** KDK images, shared by the fleet's controllers. Absent = `stateDir/kdks`. */
  readonly kdkDir?: string | null;
  /** What Macs are told to dial. Absent = `publicHost` and the agents' port. */
  readonly agentUrl?: string | null;
  /** Where people find this controller, for QR codes; `{id}` in it is the host, else its path in the API follows. Absent = none. */
  readonly publicUrl?: string | null;
  /** Name that Macs and people dial; for Macs it must lead to `listenHost`. */
  readonly publicHost: string;
  /** Where Macs are listened to, over TLS. */
  readonly listenHost: string;
  /** Where the REST API listens, in plain HTTP: apart, so that letting Macs in never lets admins' tokens cross a network in clear. */
  readonly apiHost: string;
  readonly apiPort: number;
  readonly enrolPort: number;
  readonly agentPort: number;
  readonly checkInMs: number;
  readonly leaseTtlMs: number;
  /** Grants made by this controller work on simulated Macs only. */
  readonly simulation: boolean;
  readonly nudges: boolean;
  readonly sweepMs: number;
  /** How long history is kept: audit rows and lines of the timelines. Whole months go. */
  readonly auditDays: number;
  readonly eventDays: number;
  /** How long plans, jobs, visits and rollouts that are over are kept. What lowered a Mac stays. */
  readonly workDays: number;
}
