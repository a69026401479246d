-- The consent that a plan lowers under, as a column: who revokes it finds its plans, and the ledger reads no bytes. Expand only.

-- AlterTable
ALTER TABLE "plan" ADD COLUMN "grant_id" UUID,
ADD COLUMN "grant_ends_at" TIMESTAMPTZ(3);

-- At most one for each Mac; those that are over are read from their bytes.
UPDATE "plan" p SET "grant_id" = g."id", "grant_ends_at" = g."expires_at"
FROM "grant" g
WHERE p."state" = 'open' AND g."payload" = convert_from(p."bytes", 'UTF8')::jsonb #>> '{grant,payload}';

CREATE INDEX "plan_grant_id_idx" ON "plan"("grant_id");
