-- What each Mac showed of the kernels in an image. What was known before has nobody who showed it: Macs that have the image show it again,
-- and until two of them miss a kernel nobody is kept from fetching it.
ALTER TABLE "kdk" ADD COLUMN "sights" JSONB NOT NULL DEFAULT '[]';
