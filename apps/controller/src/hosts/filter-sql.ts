import { type FilterScope, type HostFieldName, hostFields } from '@headroom/core';
import { type Column, type FilterSql, filterSql, readFilter } from '../filters/filter-sql.ts';

/** Tables that filters over hosts speak about. Host is `h`, and every host has each of these rows. */
export const FILTER_TABLES = `host h JOIN site fs ON fs.id = h.site_id JOIN host_report r ON r.host_id = h.id
  JOIN host_state s ON s.host_id = h.id LEFT JOIN intent i ON i.host_id = h.id`;

/** How far the raise of host_state `s` is proven. */
export const PROOF_SQL = 'headroom_proof(s.state, s.record)';

/** What each field reads; its index is in the migrations. */
export const HOST_COLUMNS: Readonly<Record<HostFieldName, Column>> = {
  label: (labels) => `EXISTS (SELECT 1 FROM host_label fl WHERE fl.host_id = h.id AND fl.label = ANY(${labels}))`,
  site: 'fs.name',
  chip: `upper(r.facts #>> '{kernel,variant}')`,
  variant: `upper(r.facts #>> '{kernel,variant}')`,
  model: `(r.facts #>> '{hardware,model}')`,
  os: `headroom_version(r.facts #>> '{os,version}')`,
  build: `(r.facts #>> '{os,build}')`,
  uuid: 'h.hardware_uuid',
  serial: `(r.facts #>> '{hardware,serial}')`,
  state: 's.state',
  presence: 's.presence',
  proof: PROOF_SQL,
  finding: (codes) => `(s.findings <> '[]' AND jsonb_path_query_array(s.findings, '$[*].code') ?| ${codes})`,
  quota: 'COALESCE(i.quota, 2)',
};

/** A filter over hosts as one condition; its parameters start at `$first`. One that can't be read is refused as `path`. */
export function hostCondition(text: string, scope: FilterScope, path: string, first: number): FilterSql {
  return filterSql(readFilter(text, hostFields(scope), path), HOST_COLUMNS, first);
}
