-- Stated ends: a rollout says what it is for and which exception's end it carries out, an exception remembers that its end was carried
-- out, and a Mac that is retired after its way back, or forgotten. Expand only.

-- AlterTable
ALTER TABLE "host" ADD COLUMN     "end_reason" TEXT,
ADD COLUMN     "forgotten_at" TIMESTAMPTZ(3),
ADD COLUMN     "retire_asked_at" TIMESTAMPTZ(3),
ADD COLUMN     "retire_asked_by" TEXT,
ADD COLUMN     "retire_reason" TEXT,
ADD COLUMN     "retire_rollout_id" UUID;

-- AlterTable
ALTER TABLE "risk_exception" ADD COLUMN     "ended_at" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "rollout" ADD COLUMN     "exception_id" UUID,
ADD COLUMN     "title" TEXT;

-- CreateIndex
CREATE INDEX "intent_grant_id_idx" ON "intent"("grant_id");

-- CreateIndex
CREATE INDEX "rollout_exception_id_idx" ON "rollout"("exception_id");

-- What Prisma cannot say.
CREATE INDEX "host_retire_asked" ON "host" ("id") WHERE "retire_asked_at" IS NOT NULL AND "retired_at" IS NULL;
CREATE INDEX "host_retired" ON "host" ("id") WHERE "retired_at" IS NOT NULL;
