-- Where a Mac stands and what a visit to it takes, as admins know it. Null = not known. Expanding only.
CREATE TABLE "host_place" (
    "host_id" UUID NOT NULL,
    "site_id" UUID NOT NULL,
    "location" TEXT,
    "place" TEXT,
    "place_type" TEXT,
    "asset_tag" TEXT,
    "owner_account" TEXT,
    "password_link" TEXT,
    "recovery_lock" TEXT,
    "keyboard_layout" TEXT,
    "has_display" BOOLEAN,
    "has_keyboard" BOOLEAN,
    "needs_ethernet" BOOLEAN,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_by" TEXT NOT NULL,

    CONSTRAINT "host_place_pkey" PRIMARY KEY ("host_id"),
    CONSTRAINT "host_place_type" CHECK ("place_type" IN ('desk', 'rack', 'remote_hands', 'no_hands')),
    CONSTRAINT "host_place_recovery_lock" CHECK ("recovery_lock" IN ('yes', 'no')),
    CONSTRAINT "host_place_password_link" CHECK ("password_link" LIKE 'https://%')
);

CREATE INDEX "host_place_location_host_id_idx" ON "host_place"("location", "host_id");

ALTER TABLE "host_place" ADD CONSTRAINT "host_place_host_id_fkey" FOREIGN KEY ("host_id") REFERENCES "host"("id") ON DELETE CASCADE ON UPDATE CASCADE;
