-- Policies with priority, gated rollouts, proposals, and exceptions that need a second person. Expand only: what an older
-- controller writes stays valid, as every new column is nullable or has a default.

-- AlterTable
ALTER TABLE "policy" ADD COLUMN     "applied_revision_id" UUID;

-- AlterTable
ALTER TABLE "policy_revision" ADD COLUMN     "priority" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "strategy" JSONB;

-- AlterTable
ALTER TABLE "risk_exception" ADD COLUMN     "approved_at" TIMESTAMPTZ(3),
ADD COLUMN     "awaits_approval" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "expires_in_days" INTEGER,
ADD COLUMN     "keep_args" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN     "quota_max" INTEGER,
ADD COLUMN     "requested_by" TEXT,
ADD COLUMN     "revoke_reason" TEXT,
ADD COLUMN     "revoked_by" TEXT,
ADD COLUMN     "warned_days" INTEGER;

-- AlterTable
ALTER TABLE "rollout" ADD COLUMN     "decided_at" TIMESTAMPTZ(3),
ADD COLUMN     "gates_opened" INTEGER[] DEFAULT ARRAY[]::INTEGER[],
ADD COLUMN     "review_at" TIMESTAMPTZ(3),
ADD COLUMN     "state_reason" TEXT,
ADD COLUMN     "strategy" JSONB,
ALTER COLUMN "revision_id" DROP NOT NULL;

-- AlterTable
ALTER TABLE "rollout_target" ADD COLUMN     "noted_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "proposal" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "request" JSONB NOT NULL,
    "pins" JSONB,
    "summary" JSONB,
    "problem" TEXT,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "ready_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "applied_at" TIMESTAMPTZ(3),

    CONSTRAINT "proposal_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "proposal_host" (
    "proposal_id" UUID NOT NULL,
    "host_id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "revision_id" UUID,
    "view" JSONB NOT NULL,

    CONSTRAINT "proposal_host_pkey" PRIMARY KEY ("proposal_id","host_id")
);

-- CreateIndex
CREATE INDEX "proposal_state_idx" ON "proposal"("state");

-- CreateIndex
CREATE INDEX "host_state_presence_idx" ON "host_state"("presence");

-- CreateIndex
CREATE INDEX "intent_quota_idx" ON "intent"("quota");

-- CreateIndex
CREATE INDEX "intent_revision_id_idx" ON "intent"("revision_id");

-- CreateIndex
CREATE INDEX "risk_exception_policy_revision_id_idx" ON "risk_exception"("policy_revision_id");

-- CreateIndex
CREATE INDEX "grant_exception_id_idx" ON "grant"("exception_id");

-- CreateIndex
CREATE INDEX "rollout_target_rollout_id_noted_at_idx" ON "rollout_target"("rollout_id", "noted_at");

-- AddForeignKey
ALTER TABLE "proposal_host" ADD CONSTRAINT "proposal_host_proposal_id_fkey" FOREIGN KEY ("proposal_id") REFERENCES "proposal"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What Prisma cannot say.
UPDATE "risk_exception" SET "approved_at" = "created_at", "requested_by" = "approver";
ALTER TABLE "rollout" DROP CONSTRAINT "rollout_state";
ALTER TABLE "rollout" ADD CONSTRAINT "rollout_state" CHECK ("state" IN ('waiting_for_confirmation', 'running', 'paused', 'halted', 'finished', 'superseded'));
ALTER TABLE "rollout_target" DROP CONSTRAINT "rollout_target_state";
ALTER TABLE "rollout_target" ADD CONSTRAINT "rollout_target_state" CHECK ("state" IN ('pending', 'opened', 'succeeded', 'failed', 'stuck', 'skipped', 'superseded'));
ALTER TABLE "proposal" ADD CONSTRAINT "proposal_state" CHECK ("state" IN ('computing', 'ready', 'failed', 'applied', 'expired'));

-- A macOS version as numbers, so that 14.10 comes after 14.9. Anything else than numbers and dots is unknown.
CREATE FUNCTION headroom_version("text" TEXT) RETURNS INTEGER[] LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE
  RETURN CASE WHEN "text" ~ '^\d{1,6}(\.\d{1,6}){0,3}$' THEN string_to_array("text", '.')::integer[] END;

-- Each field of the filter language has its index.
CREATE INDEX "host_report_variant" ON "host_report" (upper(facts #>> '{kernel,variant}')) WHERE facts IS NOT NULL;
CREATE INDEX "host_report_model" ON "host_report" ((facts #>> '{hardware,model}')) WHERE facts IS NOT NULL;
CREATE INDEX "host_report_serial" ON "host_report" ((facts #>> '{hardware,serial}')) WHERE facts IS NOT NULL;
CREATE INDEX "host_report_build" ON "host_report" ((facts #>> '{os,build}')) WHERE facts IS NOT NULL;
CREATE INDEX "host_report_os" ON "host_report" (headroom_version(facts #>> '{os,version}')) WHERE facts IS NOT NULL;
CREATE INDEX "rollout_live" ON "rollout" ("id") WHERE "state" = 'running';
