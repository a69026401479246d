-- Labels that a rule gives. Expand only: labels that are there were given by admins or at enrolment.

-- CreateTable
CREATE TABLE "label_rule" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "label" TEXT NOT NULL,
    "filter" TEXT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,
    "removed_at" TIMESTAMPTZ(3),
    "spread_at" TIMESTAMPTZ(3),

    CONSTRAINT "label_rule_pkey" PRIMARY KEY ("id")
);

-- AlterTable
ALTER TABLE "host_label" ADD COLUMN "by_admin" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN "rule_id" UUID;

ALTER TABLE "host_label" ADD CONSTRAINT "host_label_given" CHECK ("by_admin" OR "rule_id" IS NOT NULL);
-- One rule for each label, of those that are not removed.
CREATE UNIQUE INDEX "label_rule_label" ON "label_rule" ("label") WHERE "removed_at" IS NULL;
CREATE INDEX "host_label_rule_id_idx" ON "host_label"("rule_id");
