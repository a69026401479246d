-- Four eyes that are two people's: who made a token, which token asked for an exception, and for which Macs. Expand only.

-- AlterTable
ALTER TABLE "api_token" ADD COLUMN "created_by" TEXT,
ADD COLUMN "made_by" UUID;
ALTER TABLE "risk_exception" ADD COLUMN "asked_host_ids" UUID[] DEFAULT ARRAY[]::UUID[],
ADD COLUMN "lapsed_at" TIMESTAMPTZ(3),
ADD COLUMN "requested_by_id" UUID;

-- Tokens are few. Who made those that are there stands in the audit, by the name that its token had then.
UPDATE "api_token" t SET "created_by" = a."actor" FROM "audit" a
WHERE a."entity" = 'api_token' AND a."action" = 'api_token.create' AND a."entity_id" = t."id"::text;
UPDATE "api_token" t SET "made_by" = (
  SELECT m."id" FROM "api_token" m
  WHERE 'token:' || m."name" = t."created_by" AND m."id" <> t."id" AND m."created_at" <= t."created_at"
    AND (m."revoked_at" IS NULL OR m."revoked_at" >= t."created_at")
  ORDER BY m."created_at" DESC LIMIT 1);
