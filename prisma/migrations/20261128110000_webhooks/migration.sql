-- Webhooks: who is told what, and each delivery until it has arrived or is a dead letter. Expand only.

-- CreateTable
CREATE TABLE "webhook" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "events" TEXT[],
    "state" TEXT NOT NULL,
    "state_reason" TEXT,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "changed_at" TIMESTAMPTZ(3) NOT NULL,
    "last_delivered_at" TIMESTAMPTZ(3),
    "failing_since" TIMESTAMPTZ(3),
    "last_error" TEXT,

    CONSTRAINT "webhook_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "webhook_delivery" (
    "webhook_id" UUID NOT NULL,
    "event_id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL,
    "body" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_at" TIMESTAMPTZ(3) NOT NULL,
    "lease_number" INTEGER NOT NULL DEFAULT 0,
    "lease_until" TIMESTAMPTZ(3),
    "last_attempt_at" TIMESTAMPTZ(3),
    "last_status" INTEGER,
    "last_answer" TEXT,
    "last_error" TEXT,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhook_delivery_pkey" PRIMARY KEY ("webhook_id","event_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "webhook_name_key" ON "webhook"("name");

-- AddForeignKey
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_webhook_id_fkey" FOREIGN KEY ("webhook_id") REFERENCES "webhook"("id") ON DELETE CASCADE ON UPDATE CASCADE;

ALTER TABLE "webhook" ADD CONSTRAINT "webhook_state" CHECK ("state" IN ('on', 'off', 'gone'));
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_state" CHECK ("state" IN ('queued', 'delivered', 'dead'));
-- What is to be sent, and what may be removed.
CREATE INDEX "webhook_delivery_due" ON "webhook_delivery" ("webhook_id", "next_at") WHERE "state" = 'queued';
CREATE INDEX "webhook_delivery_ended" ON "webhook_delivery" ("state", "ended_at") WHERE "ended_at" IS NOT NULL;
-- Pages of a webhook's deliveries in one state.
CREATE INDEX "webhook_delivery_webhook_id_state_event_id_idx" ON "webhook_delivery"("webhook_id", "state", "event_id");
