-- Few rows of large tables, which are asked for again and again. Expand only: indexes.
-- Jobs with an error, newest first.
CREATE INDEX "job_error" ON "job" ("error_code", "id") WHERE "error_code" IS NOT NULL;
-- What rollouts have not done on a Mac, or not yet.
CREATE INDEX "rollout_target_not_done" ON "rollout_target" ("host_id", "rollout_id") WHERE "state" IN ('pending', 'opened', 'failed', 'stuck');
