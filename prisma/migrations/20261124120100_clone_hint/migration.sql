-- What made us think that two Macs use one identity. Expand only.
ALTER TABLE "host_report" ADD COLUMN "clone_hint" JSONB;
