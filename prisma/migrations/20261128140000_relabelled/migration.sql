-- Which Macs' labels changed since policies last looked at them. Expanding only.
ALTER TABLE "host" ADD COLUMN "relabelled_at" TIMESTAMPTZ(3);
CREATE INDEX "host_relabelled_at_idx" ON "host"("relabelled_at") WHERE "relabelled_at" IS NOT NULL;

-- A rollout that takes the raise from many Macs runs only when a person said so, whatever else happens to it before.
ALTER TABLE "rollout" ADD COLUMN "asks_confirmation" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "rollout" ADD COLUMN "confirmed_at" TIMESTAMPTZ(3);
UPDATE "rollout" SET "asks_confirmation" = true WHERE "state" = 'waiting_for_confirmation';
