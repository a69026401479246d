/** SQL of the fleet lock. Advisory locks belong to one database and are seen in pg_locks as (classid, objid). */

export const LOCKS = { fleet: 0x4852_0001, setUp: 0x4852_0002, keys: 0x4852_0003 } as const;

export const TRY_EXCLUSIVE = `SELECT pg_try_advisory_lock(${LOCKS.fleet}, 0) AS taken`;
export const TRY_SHARED = `SELECT pg_try_advisory_lock_shared(${LOCKS.fleet}, 0) AS taken`;

const HERE = `
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/** Who holds the lock of the fleet, and how. */
export const HOLDERS = `
  SELECT l.mode = 'ShareLock' AS together, host(a.client_addr) AS "from" ${HERE} AND l.classid = ${LOCKS.fleet}`;

/** $1 our keys' number. Controllers that use others. */
export const FOREIGN_KEYS = `SELECT 1 ${HERE} AND l.classid = ${LOCKS.keys} AND l.objid <> $1::bigint::oid`;

/** $1 our name. Ends connections of this very process that Postgres still believes in, and waits until they let go of their locks. */
export const OUR_LEFTOVERS = `
  SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()`;
