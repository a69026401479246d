-- What ended work that may be removed is asked for, and what of it stays. Expand only: indexes.

-- CreateIndex
CREATE INDEX "intent_rollout_id_idx" ON "intent"("rollout_id");

-- What Prisma cannot say.
-- What was made on a Mac: the collections that it may boot, and the steps that lowered it.
CREATE INDEX "job_made" ON "job" ("host_id", "kind", "finished_at") WHERE "state" = 'succeeded' AND "kind" IN ('build_kc', 'place_kit', 'set_boot_args');
-- Jobs of the care lane, which no plan takes with it.
CREATE INDEX "job_of_no_plan" ON "job" ("id") WHERE "plan_id" IS NULL;
