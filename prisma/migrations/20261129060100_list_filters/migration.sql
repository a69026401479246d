-- An index for each field by which a list is filtered (docs/filters.md). Exceptions and policies are few: people make them one by one.
CREATE INDEX "job_kind_id_idx" ON "job" ("kind", "id");
CREATE INDEX "job_created" ON "job" USING brin ("created_at");

CREATE INDEX "visit_kind_id_idx" ON "visit" ("kind", "id");
CREATE INDEX "visit_due_at_id_idx" ON "visit" ("due_at", "id");

CREATE INDEX "rollout_revision_id_idx" ON "rollout" ("revision_id");
CREATE INDEX "rollout_created_by_idx" ON "rollout" ("created_by");
CREATE INDEX "rollout_created_at_idx" ON "rollout" ("created_at");

CREATE INDEX "audit_actor_id_idx" ON "audit" ("actor", "id");
CREATE INDEX "audit_action_id_idx" ON "audit" ("action", "id");
CREATE INDEX "audit_at" ON "audit" USING brin ("at");

-- Codes only: the texts of findings are long, and change with each evaluation.
CREATE INDEX "host_state_finding" ON "host_state" USING gin (jsonb_path_query_array("findings", '$[*].code'))
  WHERE "findings" <> '[]';
