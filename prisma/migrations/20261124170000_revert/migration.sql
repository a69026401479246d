-- A person takes a Mac back to stock: a third kind of visit. Expanding only, so the release before this one runs on it.
ALTER TABLE "visit" DROP CONSTRAINT "visit_kind";
ALTER TABLE "visit" ADD CONSTRAINT "visit_kind" CHECK ("kind" IN ('raise', 'restart', 'revert')) NOT VALID;
ALTER TABLE "visit" VALIDATE CONSTRAINT "visit_kind";
