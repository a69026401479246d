-- Since when the key that signed an exception's grants is believed no more; null = it is, or it was signed again since.
ALTER TABLE "risk_exception" ADD COLUMN "key_retired_at" TIMESTAMPTZ(3);
