-- Visits are planned, drained, said to be done and overdue; a lost Mac gets a fourth kind. Expanding only.
ALTER TABLE "visit" ADD COLUMN "done_at" TIMESTAMPTZ(3),
ADD COLUMN "done_by" TEXT,
ADD COLUMN "drain_at" TIMESTAMPTZ(3),
ADD COLUMN "overdue_at" TIMESTAMPTZ(3);

ALTER TABLE "visit" DROP CONSTRAINT "visit_kind";
ALTER TABLE "visit" ADD CONSTRAINT "visit_kind" CHECK ("kind" IN ('raise', 'restart', 'revert', 'recover')) NOT VALID;
ALTER TABLE "visit" VALIDATE CONSTRAINT "visit_kind";

-- Work that waits, by when it is due; what is somebody's; what is overdue.
CREATE INDEX "visit_waiting_due" ON "visit" ("due_at", "id") WHERE "state" IN ('due', 'open');
CREATE INDEX "visit_owner_id_idx" ON "visit" ("owner", "id");
CREATE INDEX "visit_overdue" ON "visit" ("id") WHERE "overdue_at" IS NOT NULL AND "state" IN ('due', 'open');
