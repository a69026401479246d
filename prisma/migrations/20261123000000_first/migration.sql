-- CreateTable
CREATE TABLE "fleet" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "fleet_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "site" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "site_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "host" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "hardware_uuid" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "serial" TEXT,
    "model" TEXT,
    "simulated" BOOLEAN NOT NULL DEFAULT false,
    "enrolled_at" TIMESTAMPTZ(3) NOT NULL,
    "retired_at" TIMESTAMPTZ(3),

    CONSTRAINT "host_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "host_label" (
    "host_id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "label" TEXT NOT NULL,

    CONSTRAINT "host_label_pkey" PRIMARY KEY ("host_id","label")
);

-- CreateTable
CREATE TABLE "host_report" (
    "host_id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "session_number" BIGINT NOT NULL DEFAULT 0,
    "boot_ordinal" INTEGER NOT NULL DEFAULT 0,
    "sequence" BIGINT NOT NULL DEFAULT 0,
    "agent_version" TEXT,
    "capabilities" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "last_seen_at" TIMESTAMPTZ(3),
    "facts" JSONB,
    "facts_sha256" TEXT,
    "facts_at" TIMESTAMPTZ(3),
    "boot_session_id" TEXT,
    "boot_first_seen_at" TIMESTAMPTZ(3),
    "generation" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "host_report_pkey" PRIMARY KEY ("host_id")
);

-- CreateTable
CREATE TABLE "host_state" (
    "host_id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'no_facts',
    "state_since" TIMESTAMPTZ(3) NOT NULL,
    "presence" TEXT NOT NULL DEFAULT 'silent',
    "waits_for" TEXT,
    "findings" JSONB NOT NULL DEFAULT '[]',
    "evidence" JSONB NOT NULL DEFAULT '[]',
    "record" JSONB NOT NULL DEFAULT '{}',
    "rules_version" INTEGER NOT NULL DEFAULT 0,
    "evaluated_at" TIMESTAMPTZ(3),
    "due_at" TIMESTAMPTZ(3),
    "review_at" TIMESTAMPTZ(3),

    CONSTRAINT "host_state_pkey" PRIMARY KEY ("host_id")
);

-- CreateTable
CREATE TABLE "host_event" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "host_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "kind" TEXT NOT NULL,
    "detail" JSONB NOT NULL,

    CONSTRAINT "host_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "archived_at" TIMESTAMPTZ(3),

    CONSTRAINT "policy_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "policy_revision" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "policy_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "quota" INTEGER NOT NULL,
    "extra_args" TEXT[],
    "selector" JSONB NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "policy_revision_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "intent" (
    "host_id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "revision_id" UUID,
    "quota" INTEGER NOT NULL,
    "extra_args" TEXT[],
    "grant_id" UUID,
    "rollout_id" UUID,
    "set_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "intent_pkey" PRIMARY KEY ("host_id")
);

-- CreateTable
CREATE TABLE "risk_exception" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "policy_revision_id" UUID NOT NULL,
    "purpose" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "clause_version" TEXT NOT NULL,
    "shown_text_sha256" TEXT NOT NULL,
    "approvals" TEXT NOT NULL,
    "approver" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "risk_exception_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "grant" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "exception_id" UUID NOT NULL,
    "payload" TEXT NOT NULL,
    "signature" TEXT NOT NULL,
    "key_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "grant_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "rollout" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "revision_id" UUID NOT NULL,
    "state" TEXT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "rollout_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "rollout_target" (
    "rollout_id" UUID NOT NULL,
    "host_id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "ring" INTEGER NOT NULL DEFAULT 0,
    "state" TEXT NOT NULL,
    "reason" TEXT,
    "opened_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "rollout_target_pkey" PRIMARY KEY ("rollout_id","host_id")
);

-- CreateTable
CREATE TABLE "plan" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "host_id" UUID NOT NULL,
    "generation" BIGINT NOT NULL,
    "intent_number" INTEGER NOT NULL,
    "bytes" BYTEA NOT NULL,
    "signature" BYTEA NOT NULL,
    "state" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "plan_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "job" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "host_id" UUID NOT NULL,
    "plan_id" UUID,
    "lane" TEXT NOT NULL,
    "step_index" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "lease_number" INTEGER NOT NULL DEFAULT 0,
    "lease_session" BIGINT,
    "lease_expires_at" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "not_before" TIMESTAMPTZ(3),
    "progress" TEXT,
    "result" JSONB,
    "error_code" TEXT,
    "error_detail" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "job_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "visit" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "host_id" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "plan_id" UUID,
    "code" TEXT,
    "quota" INTEGER,
    "boot_args" TEXT,
    "kc_md5" TEXT,
    "expires_at" TIMESTAMPTZ(3),
    "owner" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3),
    "opened_at" TIMESTAMPTZ(3),
    "opened_by" TEXT,
    "closed_at" TIMESTAMPTZ(3),
    "evidence" JSONB,

    CONSTRAINT "visit_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "kdk" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "version" TEXT NOT NULL,
    "build" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "size_bytes" BIGINT NOT NULL,
    "file_name" TEXT NOT NULL,
    "added_by" TEXT NOT NULL,
    "added_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "kdk_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "enrol_token" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "secret_sha256" TEXT NOT NULL,
    "uses_left" INTEGER NOT NULL,
    "labels" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "enrol_token_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "certificate" (
    "serial" TEXT NOT NULL,
    "site_id" UUID NOT NULL,
    "host_id" UUID NOT NULL,
    "public_key_sha256" TEXT NOT NULL,
    "token_id" UUID,
    "pem" TEXT NOT NULL,
    "not_after" TIMESTAMPTZ(3) NOT NULL,
    "issued_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "certificate_pkey" PRIMARY KEY ("serial")
);

-- CreateTable
CREATE TABLE "api_token" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "secret_sha256" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_token_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "entity" TEXT NOT NULL,
    "entity_id" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,

    CONSTRAINT "audit_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "site_name_key" ON "site"("name");

-- CreateIndex
CREATE UNIQUE INDEX "host_hardware_uuid_key" ON "host"("hardware_uuid");

-- CreateIndex
CREATE INDEX "host_site_id_id_idx" ON "host"("site_id", "id");

-- CreateIndex
CREATE INDEX "host_label_label_host_id_idx" ON "host_label"("label", "host_id");

-- CreateIndex
CREATE INDEX "host_state_due_at_idx" ON "host_state"("due_at");

-- CreateIndex
CREATE INDEX "host_state_review_at_idx" ON "host_state"("review_at");

-- CreateIndex
CREATE INDEX "host_state_state_host_id_idx" ON "host_state"("state", "host_id");

-- CreateIndex
CREATE INDEX "host_event_host_id_id_idx" ON "host_event"("host_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "policy_name_key" ON "policy"("name");

-- CreateIndex
CREATE UNIQUE INDEX "policy_revision_policy_id_number_key" ON "policy_revision"("policy_id", "number");

-- CreateIndex
CREATE INDEX "rollout_state_idx" ON "rollout"("state");

-- CreateIndex
CREATE INDEX "rollout_target_host_id_idx" ON "rollout_target"("host_id");

-- CreateIndex
CREATE UNIQUE INDEX "plan_host_id_generation_key" ON "plan"("host_id", "generation");

-- CreateIndex
CREATE INDEX "job_host_id_id_idx" ON "job"("host_id", "id");

-- CreateIndex
CREATE INDEX "job_plan_id_idx" ON "job"("plan_id");

-- CreateIndex
CREATE INDEX "visit_state_id_idx" ON "visit"("state", "id");

-- CreateIndex
CREATE INDEX "visit_host_id_id_idx" ON "visit"("host_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "kdk_sha256_key" ON "kdk"("sha256");

-- CreateIndex
CREATE INDEX "kdk_build_idx" ON "kdk"("build");

-- CreateIndex
CREATE INDEX "certificate_host_id_idx" ON "certificate"("host_id");

-- CreateIndex
CREATE INDEX "certificate_token_id_public_key_sha256_idx" ON "certificate"("token_id", "public_key_sha256");

-- CreateIndex
CREATE UNIQUE INDEX "api_token_secret_sha256_key" ON "api_token"("secret_sha256");

-- CreateIndex
CREATE INDEX "audit_entity_entity_id_id_idx" ON "audit"("entity", "entity_id", "id");

-- AddForeignKey
ALTER TABLE "host_label" ADD CONSTRAINT "host_label_host_id_fkey" FOREIGN KEY ("host_id") REFERENCES "host"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "host_report" ADD CONSTRAINT "host_report_host_id_fkey" FOREIGN KEY ("host_id") REFERENCES "host"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "host_state" ADD CONSTRAINT "host_state_host_id_fkey" FOREIGN KEY ("host_id") REFERENCES "host"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "policy_revision" ADD CONSTRAINT "policy_revision_policy_id_fkey" FOREIGN KEY ("policy_id") REFERENCES "policy"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "intent" ADD CONSTRAINT "intent_host_id_fkey" FOREIGN KEY ("host_id") REFERENCES "host"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "rollout_target" ADD CONSTRAINT "rollout_target_rollout_id_fkey" FOREIGN KEY ("rollout_id") REFERENCES "rollout"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- What Prisma cannot say: allowed values, and "one open" per host.
ALTER TABLE "host" ADD CONSTRAINT "host_hardware_uuid_upper" CHECK ("hardware_uuid" = upper("hardware_uuid"));
ALTER TABLE "host_state" ADD CONSTRAINT "host_state_state" CHECK ("state" ~ '^[a-z_]+$');
ALTER TABLE "host_state" ADD CONSTRAINT "host_state_presence" CHECK ("presence" IN ('online', 'in_visit', 'asleep', 'silent', 'lost'));
ALTER TABLE "policy_revision" ADD CONSTRAINT "policy_revision_quota" CHECK ("quota" >= 2);
ALTER TABLE "intent" ADD CONSTRAINT "intent_quota" CHECK ("quota" >= 2);
-- Above stock only with a grant (the agent checks the grant itself, whatever stands here).
ALTER TABLE "intent" ADD CONSTRAINT "intent_raise_has_grant" CHECK ("quota" = 2 OR ("revision_id" IS NOT NULL AND "grant_id" IS NOT NULL));
ALTER TABLE "risk_exception" ADD CONSTRAINT "risk_exception_approvals" CHECK ("approvals" IN ('self', 'four-eyes'));
ALTER TABLE "rollout" ADD CONSTRAINT "rollout_state" CHECK ("state" IN ('running', 'paused', 'halted', 'finished', 'superseded'));
ALTER TABLE "rollout_target" ADD CONSTRAINT "rollout_target_state" CHECK ("state" IN ('pending', 'opened', 'succeeded', 'failed', 'superseded'));
ALTER TABLE "plan" ADD CONSTRAINT "plan_state" CHECK ("state" IN ('open', 'done', 'failed', 'superseded'));
ALTER TABLE "job" ADD CONSTRAINT "job_lane" CHECK ("lane" IN ('plan', 'care'));
ALTER TABLE "job" ADD CONSTRAINT "job_state" CHECK ("state" IN ('queued', 'leased', 'succeeded', 'failed', 'refused', 'cancelled', 'dead'));
ALTER TABLE "visit" ADD CONSTRAINT "visit_kind" CHECK ("kind" IN ('raise', 'restart'));
ALTER TABLE "visit" ADD CONSTRAINT "visit_state" CHECK ("state" IN ('due', 'open', 'closed', 'withdrawn'));
ALTER TABLE "api_token" ADD CONSTRAINT "api_token_role" CHECK ("role" IN ('admin', 'technician', 'approver', 'reader', 'tool'));

CREATE UNIQUE INDEX "plan_one_open" ON "plan" ("host_id") WHERE "state" = 'open';
CREATE UNIQUE INDEX "job_one_open" ON "job" ("host_id", "lane") WHERE "state" IN ('queued', 'leased');
CREATE UNIQUE INDEX "visit_one_open" ON "visit" ("host_id") WHERE "state" IN ('due', 'open');
CREATE INDEX "job_leases" ON "job" ("lease_expires_at") WHERE "state" = 'leased';
