-- Who made both tokens of an approval by four eyes: whoever held that one could have been both people. Null = nobody, or not known.
ALTER TABLE "risk_exception" ADD COLUMN "common_maker" TEXT;
