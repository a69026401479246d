-- Which kernels a KDK image holds, as Macs showed that had it: a Mac is told before it fetches one without its own. Expand only.
ALTER TABLE "kdk" ADD COLUMN "variants" TEXT[] DEFAULT ARRAY[]::TEXT[];
ALTER TABLE "kdk" ADD COLUMN "variants_missing" TEXT[] DEFAULT ARRAY[]::TEXT[];
