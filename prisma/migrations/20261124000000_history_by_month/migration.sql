-- History grows without end, so it is kept by month: a month that is older than its retention is dropped and not deleted row by row.
-- The tables as they were become the DEFAULT partitions, without copying a row. The controller makes the months ahead and moves
-- rows out of DEFAULT (apps/controller/src/data/history.ts). Expand only: names and columns stay, so an older controller on this
-- database keeps working.

-- audit
ALTER TABLE "audit" RENAME TO "audit_default";
ALTER TABLE "audit_default" DROP CONSTRAINT "audit_pkey";
ALTER TABLE "audit_default" ADD CONSTRAINT "audit_default_pkey" PRIMARY KEY ("id", "at");
ALTER INDEX "audit_entity_entity_id_id_idx" RENAME TO "audit_default_entity_entity_id_id_idx";
CREATE TABLE "audit" (LIKE "audit_default", CONSTRAINT "audit_pkey" PRIMARY KEY ("id", "at")) PARTITION BY RANGE ("at");
CREATE INDEX "audit_entity_entity_id_id_idx" ON "audit"("entity", "entity_id", "id");
ALTER TABLE "audit" ATTACH PARTITION "audit_default" DEFAULT;

-- host_event
ALTER TABLE "host_event" RENAME TO "host_event_default";
ALTER TABLE "host_event_default" DROP CONSTRAINT "host_event_pkey";
ALTER TABLE "host_event_default" ADD CONSTRAINT "host_event_default_pkey" PRIMARY KEY ("id", "at");
ALTER INDEX "host_event_host_id_id_idx" RENAME TO "host_event_default_host_id_id_idx";
CREATE TABLE "host_event" (LIKE "host_event_default", CONSTRAINT "host_event_pkey" PRIMARY KEY ("id", "at")) PARTITION BY RANGE ("at");
CREATE INDEX "host_event_host_id_id_idx" ON "host_event"("host_id", "id");
ALTER TABLE "host_event" ATTACH PARTITION "host_event_default" DEFAULT;
