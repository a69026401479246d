/** Reads what the two sheets tell. The code leaves the database only for a reader who may open visits. */
import { emptyFacts, type Facts, fillPasswordLink } from '@headroom/core';
import { Problem } from '../../common/problem.ts';
import type { Database } from '../../db/database.ts';
import { type PlaceFields, placeFields } from '../../hosts/place.ts';
import { type RunSheetInput, SHEET_KINDS, type SheetKind } from './sheet-input.ts';

interface HostRecord {
  readonly name: string;
  readonly hardwareUuid: string;
  readonly serial: string | null;
}

export interface Reader {
  readonly mayOpen: boolean;
  /** Where the reader reached the API, e.g. `https://headroom.example:7440`. */
  readonly apiUrl: string;
  /** `--public-url`; null = none is configured. */
  readonly publicUrl: string | null;
  readonly now: Date;
}

/** `kind` = print the sheet of another kind: an overdue visit may need that of `recover`. */
export async function readRunSheet(
  database: Database,
  id: string,
  reader: Reader,
  kind: SheetKind | null = null,
): Promise<RunSheetInput> {
  const visit = await database.prisma.visit.findUnique({ where: { id } });
  if (visit === null) throw new Problem('NOT_FOUND', `There is no visit ${id}.`);
  const { facts, factsAt, host, site } = await readHost(database, visit.hostId);
  const { state, reason, quota, owner, dueAt, expiresAt } = visit;
  const code = state === 'open' && reader.mayOpen ? visit.code : null;
  const place = placeFields(host.place);
  const pageUrl = hostPage(reader.publicUrl, host.id);
  return {
    visit: { id, kind: kind ?? sheetKind(visit.kind), state, reason, quota, owner, dueAt, expiresAt, code },
    host: {
      name: host.name,
      serial: host.serial,
      model: host.model,
      labels: host.labels.map(({ label }) => label),
      site,
      url: pageUrl ?? `${reader.apiUrl}/api/v1/hosts/${host.id}`,
      pageUrl,
    },
    place,
    passwordUrl: passwordUrl(place, host, facts),
    facts,
    factsAt,
    scriptMd5: await readScriptMd5(database, host.id),
    printedAt: reader.now,
  };
}

export async function readHost(database: Database, id: string) {
  const { prisma } = database;
  const host = await prisma.host.findFirst({
    where: { id, retiredAt: null },
    include: { labels: { orderBy: { label: 'asc' } }, report: true, place: true },
  });
  if (host === null) throw new Problem('NOT_FOUND', `There is no host ${id}.`);
  const site = await prisma.site.findUnique({ where: { id: host.siteId }, select: { name: true } });
  const facts = host.report?.facts as unknown as Facts | null | undefined;
  return {
    host,
    site: site?.name ?? host.siteId,
    facts: facts ?? emptyFacts('The agent has reported nothing yet.'),
    factsAt: host.report?.factsAt ?? null,
  };
}

/** The page of a host for people; null where no address is configured. */
export function hostPage(publicUrl: string | null, hostId: string): string | null {
  if (publicUrl === null) return null;
  return publicUrl.includes('{id}')
    ? publicUrl.replaceAll('{id}', hostId)
    : `${publicUrl.replace(/\/+$/, '')}/api/v1/hosts/${hostId}`;
}

function passwordUrl(place: PlaceFields, host: HostRecord, facts: Facts): string | null {
  const { passwordLink, assetTag, ownerAccount: account } = place;
  const { name, hardwareUuid } = host;
  const serial = host.serial ?? facts.hardware.serial;
  return passwordLink === null
    ? null
    : fillPasswordLink(passwordLink, { serial, assetTag, name, hardwareUuid, account });
}

/** Told by the Mac that placed the kit; an agent from before that says nothing. */
async function readScriptMd5({ prisma }: Database, hostId: string): Promise<string | null> {
  const placed = await prisma.job.findFirst({
    where: { hostId, kind: 'place_kit', state: 'succeeded' },
    orderBy: [{ finishedAt: 'desc' }, { id: 'desc' }],
    select: { result: true },
  });
  const result = placed?.result as { readonly scriptMd5?: unknown } | null | undefined;
  return typeof result?.scriptMd5 === 'string' ? result.scriptMd5 : null;
}

function sheetKind(kind: string): SheetKind {
  const known = SHEET_KINDS.find((one) => one === kind);
  if (known === undefined) throw new Error(`no run sheet is written for visits of kind ${kind}`);
  return known;
}
