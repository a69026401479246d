-- Cancelling a job that a Mac works on, and a plan that was cancelled. Expand only: checks and the index take in more than before.

-- AlterTable
ALTER TABLE "job" ADD COLUMN "cancel_asked_at" TIMESTAMPTZ(3),
ADD COLUMN "cancel_asked_by" TEXT,
ADD COLUMN "cancel_reason" TEXT;

ALTER TABLE "job" DROP CONSTRAINT "job_state";
ALTER TABLE "job" ADD CONSTRAINT "job_state" CHECK ("state" IN ('queued', 'leased', 'cancelling', 'succeeded', 'failed', 'refused', 'cancelled', 'dead'));
ALTER TABLE "plan" DROP CONSTRAINT "plan_state";
ALTER TABLE "plan" ADD CONSTRAINT "plan_state" CHECK ("state" IN ('open', 'done', 'failed', 'cancelled', 'superseded'));

DROP INDEX "job_one_open";
CREATE UNIQUE INDEX "job_one_open" ON "job" ("host_id", "lane") WHERE "state" IN ('queued', 'leased', 'cancelling');
-- What is too old, and what is being cancelled.
CREATE INDEX "job_open_since" ON "job" ("created_at") WHERE "state" IN ('queued', 'leased', 'cancelling');
-- What ended badly, newest first: few rows of a large table.
CREATE INDEX "job_ended_badly" ON "job" ("id") WHERE "state" IN ('failed', 'refused', 'cancelled', 'dead');
