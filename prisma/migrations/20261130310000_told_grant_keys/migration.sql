-- What the agent of each Mac says of the grant keys that it believes: without it nobody sees which Macs have heard of a retirement.
ALTER TABLE "host_report" ADD COLUMN "grant_key_id" TEXT;
ALTER TABLE "host_report" ADD COLUMN "retired_grant_key_ids" TEXT[] DEFAULT ARRAY[]::TEXT[];
