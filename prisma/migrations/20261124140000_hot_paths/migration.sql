-- Rounds of the timer read the few rows that matter instead of the whole table (test/data/query-plans.test.ts, docs/query-plans.md).
-- Hosts that may have been heard again after a silence.
CREATE INDEX "host_state_away" ON "host_state" ("host_id") WHERE "presence" <> 'online' AND "due_at" IS NULL;
-- Targets that a rollout still has to do with: a finished rollout has none.
CREATE INDEX "rollout_target_live" ON "rollout_target" ("rollout_id") WHERE "state" IN ('pending', 'opened');
