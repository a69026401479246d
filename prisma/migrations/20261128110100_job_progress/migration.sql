-- When a running job said its last line. Expand only: null in the rows of an older controller.

-- AlterTable
ALTER TABLE "job" ADD COLUMN     "progress_at" TIMESTAMPTZ(3);
