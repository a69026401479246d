-- A visit that was opened and cancelled may have been made all the same: when it was opened last is kept. Expand only.
ALTER TABLE "visit" ADD COLUMN "last_opened_at" TIMESTAMPTZ(3);
UPDATE "visit" SET "last_opened_at" = "opened_at" WHERE "opened_at" IS NOT NULL;
