-- Witnesses: macOS guests counted alive at once in one boot of a Mac, and in which of them that proved a raise. Expand only.

-- CreateTable
CREATE TABLE "witness" (
    "id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "host_id" UUID NOT NULL,
    "boot_session_id" TEXT NOT NULL,
    "macos_guests" INTEGER NOT NULL,
    "source" TEXT NOT NULL,
    "said_by" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "build" TEXT,
    "variant" TEXT,
    "counted_at" TIMESTAMPTZ(3),

    CONSTRAINT "witness_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "witness_host_id_boot_session_id_key" ON "witness"("host_id", "boot_session_id");

-- CreateIndex
CREATE INDEX "witness_host_id_at_idx" ON "witness"("host_id", "at");

-- CreateIndex
CREATE INDEX "witness_build_variant_idx" ON "witness"("build", "variant");

-- What Prisma cannot say.
ALTER TABLE "witness" ADD CONSTRAINT "witness_macos_guests" CHECK ("macos_guests" >= 0);

-- How far the raise of a host is proven: the field `proof` of the filter language, with its index.
CREATE FUNCTION headroom_proof("state" TEXT, "record" JSONB) RETURNS TEXT LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE
  RETURN CASE WHEN "state" <> 'raised' THEN 'none' WHEN jsonb_typeof("record" -> 'witness') = 'object' THEN 'witnessed' ELSE 'configured' END;
CREATE INDEX "host_state_proof" ON "host_state" (headroom_proof(state, record)) WHERE record IS NOT NULL;
