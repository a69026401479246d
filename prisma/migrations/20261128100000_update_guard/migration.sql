-- What the updates ahead would do to each raise, and who took which risk for which Macs. Expanding only: an older controller leaves
-- the new column as it is and does not know the tables.
ALTER TABLE "host_state" ADD COLUMN "updates" JSONB NOT NULL DEFAULT '[]';

CREATE TABLE "update_acceptance" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "targets" TEXT[],
    "reason" TEXT NOT NULL,
    "accepted_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "revoked_by" TEXT,
    "revoke_reason" TEXT,

    CONSTRAINT "update_acceptance_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "update_acceptance_named" CHECK (cardinality("targets") > 0 AND "reason" <> ''),
    CONSTRAINT "update_acceptance_end" CHECK ("expires_at" > "created_at")
);

-- Frozen at the acceptance: a Mac that joins later is not covered.
CREATE TABLE "update_acceptance_host" (
    "acceptance_id" UUID NOT NULL,
    "host_id" UUID NOT NULL,
    "site_id" UUID NOT NULL,

    CONSTRAINT "update_acceptance_host_pkey" PRIMARY KEY ("acceptance_id", "host_id")
);

CREATE INDEX "update_acceptance_host_host_id_idx" ON "update_acceptance_host"("host_id");

ALTER TABLE "update_acceptance_host" ADD CONSTRAINT "update_acceptance_host_acceptance_id_fkey" FOREIGN KEY ("acceptance_id") REFERENCES "update_acceptance"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "update_acceptance_host" ADD CONSTRAINT "update_acceptance_host_host_id_fkey" FOREIGN KEY ("host_id") REFERENCES "host"("id") ON DELETE CASCADE ON UPDATE CASCADE;
