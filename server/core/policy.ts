/**
 * Composition of group policies. The administrator edits settings block by block on each group of a tree; a device gets
 * one flat policy. The rule of flattening, from the root of the tree to the group:
 *
 * - certificates: the union along the path, one entry for each purpose and certificate (the one nearest to the root wins
 *   its file name). Below a group that locks the block (`enforced`), entries of its child groups do not count.
 * - contacts: those of the group itself, else of its nearest parent that has some. A group that locks the block with
 *   contacts in it wins over everything below.
 * - identity (when it is renewed): as contacts.
 * - device settings: a lock of any group on the path holds. A value that a group locks wins over everything below, else the
 *   one nearest to the group itself counts.
 * - revocation: as certificates. The strictest mode of each purpose along the path counts, and the newest list of each series.
 * - rotation (whether devices may follow missed changes of the server's certificate): as contacts; nowhere said means no.
 * - blocklist: always the union. What a parent blocked, a child cannot unblock.
 * - `enforced` of a block in the flat policy: locked by any group on the path; the device then takes no local settings.
 */
import { fingerprintOf, fromBase64 } from '../../protocol/certificate.ts';
import { type Fault, fault } from '../../protocol/fault.ts';
import { maxDocumentBytes } from '../../protocol/limits.ts';
import { judgeEntries, judgeLists, judgePins, judgeSettings, wouldStrand } from '../../protocol/policy.ts';
import { isNewer } from '../../protocol/revocation-list.ts';
import type {
  Addresses,
  ClientPurpose,
  Contacts,
  Policy,
  PolicySettings,
  PublicKey,
  RevocationMode,
  ServerPins,
} from '../../protocol/schema.ts';
import { instant } from '../../protocol/time.ts';
import { defaultRules, type IssuanceRules } from './issuance.ts';

export type Entry = {
  readonly purpose: ClientPurpose;
  readonly file: string;
  /** Base64 DER. */
  readonly certificate: string;
  readonly fingerprint: string;
};
/** A certificate revocation list, with what one follows another by. */
export type ListEntry = {
  readonly file: string;
  /** Base64 DER. */
  readonly list: string;
  readonly fingerprint: string;
  readonly series: string;
  /** Decimal; null where the list has none. */
  readonly number: string | null;
  readonly thisUpdate: number;
};
export type RevocationModes = Readonly<Record<ClientPurpose, RevocationMode>>;
export type Revocation = { readonly modes: RevocationModes; readonly lists: readonly ListEntry[] };
export type Settings = {
  readonly certificates: { readonly enforced: boolean; readonly entries: readonly Entry[] };
  readonly contacts: { readonly enforced: boolean; readonly value: Contacts | null };
  readonly identity: IdentityBlock;
  readonly revocation: Revocation;
  readonly blocklist: readonly string[];
  /** Of the person at the device: what is locked, and what is set. */
  readonly device: PolicySettings;
  /** Null: as the group above says. */
  readonly rotation: { readonly enforced: boolean; readonly allowed: boolean | null };
};
/** Days before the end, or null for the longest window. */
export type IdentitySetting = { readonly renewBeforeDays: number | null };
export type IdentityBlock = { readonly enforced: boolean; readonly value: IdentitySetting | null };
export type ServerSetting = 'logServer' | 'rdp' | 'broker';
export type Group = { readonly id: string; readonly name: string; readonly parent: string | null };
export type Block = 'certificates' | 'contacts' | 'identity' | 'rotation' | keyof PolicySettings;
export type PolicyBody = Omit<Policy, 'aud' | 'rev' | 'iat' | 'refreshBefore' | 'critical'>;
export type Composition = {
  readonly group: { readonly id: string; readonly name: string };
  readonly settings: Settings;
  readonly server: ServerPins;
  readonly addresses: Addresses;
  /** Left out: the default ones. */
  readonly rules?: Pick<IssuanceRules, 'renewBeforeDays' | 'automaticRenewal'>;
  /** Another authority that devices move to. */
  readonly enrolment?: Policy['enrolment'] | null;
  readonly nextKey?: PublicKey | null;
  /** Revision of the newest key statement. */
  readonly keys?: number | null;
};

/** Room for the signature, the dates and base64 in what is left of `maxDocumentBytes`. */
const maxBodyBytes = maxDocumentBytes - 4096;
const maxBlocked = 4096;
const maxDepth = 64;

/** From the mildest to the strictest. */
export const revocationModes: readonly RevocationMode[] = ['off', 'soft', 'hard'];
export const noRevocation: RevocationModes = { rdp: 'off', broker: 'off', log: 'off' };

const unlocked = { enforced: false };
const unset = { enforced: false, value: null };

export const emptySettings: Settings = {
  certificates: { enforced: false, entries: [] },
  contacts: { enforced: false, value: null },
  identity: { enforced: false, value: null },
  revocation: { modes: noRevocation, lists: [] },
  blocklist: [],
  device: { connection: unlocked, reset: unlocked, dateTime: unlocked, logServer: unset, rdp: unset, broker: unset },
  rotation: { enforced: false, allowed: null },
};

/** Groups from the root of the tree down to `id`. Empty for an unknown group; a cycle ends at `maxDepth`. */
export function pathTo(groups: ReadonlyMap<string, Group>, id: string): readonly Group[] {
  const path: Group[] = [];
  for (
    let at = groups.get(id);
    at && path.length < maxDepth;
    at = at.parent === null ? undefined : groups.get(at.parent)
  )
    path.unshift(at);
  return path;
}

/** `id` and every group below it. */
export function familyOf(groups: ReadonlyMap<string, Group>, id: string): readonly string[] {
  return [...groups.keys()].filter((each) => pathTo(groups, each).some((group) => group.id === id));
}

/** The first group above the last of `path` that locks a block, or null. */
export const lockedBy = (path: readonly (Group & { readonly settings: Settings })[], block: Block): Group | null =>
  path.slice(0, -1).find(({ settings }) => isEnforced(settings, block)) ?? null;

export const isEnforced = (settings: Settings, block: Block): boolean =>
  block === 'certificates' || block === 'contacts' || block === 'identity' || block === 'rotation'
    ? settings[block].enforced
    : settings.device[block].enforced;

/** `path` runs from the root to the group itself. */
export function flatten(path: readonly Settings[]): Settings {
  const lock = path.findIndex(({ certificates }) => certificates.enforced);
  const counting = lock < 0 ? path : path.slice(0, lock + 1);
  const entries = new Map<string, Entry>();
  for (const entry of counting.flatMap(({ certificates }) => certificates.entries)) {
    const name = `${entry.purpose} ${entry.fingerprint}`;
    if (!entries.has(name)) entries.set(name, entry);
  }
  return {
    certificates: { enforced: lock >= 0, entries: [...entries.values()] },
    contacts: flattenBlock(path.map(({ contacts }) => contacts)),
    identity: flattenBlock(path.map(({ identity }) => identity)),
    revocation: flattenRevocation(counting.map(({ revocation }) => revocation)),
    blocklist: [...new Set(path.flatMap(({ blocklist }) => blocklist))],
    device: flattenDevice(path.map(({ device }) => device)),
    rotation: flattenRotation(path.map(({ rotation }) => rotation)),
  };
}

/** The topmost lock with a value, else the value nearest to the group. */
export function flattenBlock<T>(path: readonly { readonly enforced: boolean; readonly value: T | null }[]): {
  readonly enforced: boolean;
  readonly value: T | null;
} {
  const locked = path.find(({ enforced, value }) => enforced && value !== null);
  const nearest = path.findLast(({ value }) => value !== null);
  return { enforced: path.some(({ enforced }) => enforced), value: (locked ?? nearest)?.value ?? null };
}

/** Whether a list may take the place of another of its series. */
export const isLater = (one: ListEntry, other: ListEntry): boolean => isNewer(agedOf(one), agedOf(other));
const agedOf = ({ number, thisUpdate }: ListEntry) => ({
  number: number === null ? null : BigInt(number),
  thisUpdate: instant(thisUpdate),
});

function flattenRevocation(path: readonly Revocation[]): Revocation {
  const strictest = (purpose: ClientPurpose): RevocationMode =>
    revocationModes.findLast((mode) => path.some(({ modes }) => modes[purpose] === mode)) ?? 'off';
  const lists = new Map<string, ListEntry>();
  for (const list of path.flatMap((each) => each.lists)) {
    const held = lists.get(list.series);
    if (!held || isLater(list, held)) lists.set(list.series, list);
  }
  return {
    modes: { rdp: strictest('rdp'), broker: strictest('broker'), log: strictest('log') },
    lists: [...lists.values()],
  };
}

/** Nothing where it is checked nowhere: then lists are of no use. */
function revocationPart({ modes, lists }: Revocation): Pick<PolicyBody, 'revocation'> {
  const on = Object.values(modes).some((mode) => mode !== 'off');
  return on ? { revocation: { ...modes, lists: lists.map(({ list }) => list) } } : {};
}

function flattenRotation(path: readonly Settings['rotation'][]): Settings['rotation'] {
  const said = path.filter(({ allowed }) => allowed !== null);
  const found = said.find(({ enforced }) => enforced) ?? said.at(-1);
  return { enforced: path.some(({ enforced }) => enforced), allowed: found?.allowed ?? null };
}

function flattenDevice(path: readonly PolicySettings[]): PolicySettings {
  const lock = (name: 'connection' | 'reset' | 'dateTime') => ({ enforced: path.some((one) => one[name].enforced) });
  const setting = (name: ServerSetting) => {
    const found = path.find((one) => one[name].enforced) ?? path.findLast((one) => one[name].value !== null);
    return found?.[name] ?? unset;
  };
  return {
    connection: lock('connection'),
    reset: lock('reset'),
    dateTime: lock('dateTime'),
    logServer: setting('logServer'),
    rdp: setting('rdp'),
    broker: setting('broker'),
  };
}

/** Nothing is said where all is as devices take it anyway. */
function identityOf({ value }: IdentityBlock, rules: NonNullable<Composition['rules']>): Pick<Policy, 'identity'> {
  const { renewBeforeDays, automaticRenewal } = rules;
  if (value === null && automaticRenewal && renewBeforeDays === defaultRules.renewBeforeDays) return {};
  return { identity: { ...(value ?? { renewBeforeDays }), ...(automaticRenewal ? {} : { automatic: false }) } };
}

export const composePolicy = ({
  group,
  settings,
  server,
  addresses,
  rules = defaultRules,
  enrolment,
  nextKey,
  keys,
}: Composition): PolicyBody => ({
  format: 1,
  group: { id: group.id, name: group.name },
  server,
  addresses,
  certificates: {
    enforced: settings.certificates.enforced,
    entries: settings.certificates.entries.map(({ purpose, file, certificate }) => ({ purpose, file, certificate })),
  },
  contacts: settings.contacts,
  blocklist: [...settings.blocklist],
  settings: settings.device,
  ...identityOf(settings.identity, rules),
  ...revocationPart(settings.revocation),
  ...(settings.rotation.allowed === true && { rotation: { allowed: true } }),
  ...(enrolment && { enrolment }),
  ...(nextKey && { nextKey }),
  ...(keys && { keys }),
});

/** Whoever comes through it would be shut out: it is taken off the front ends first. */
const blocksFrontEnd = ({ blocklist, server: { frontEnds = [] } }: PolicyBody): boolean =>
  frontEnds.some((certificate) => blocklist.includes(fingerprintOf(fromBase64(certificate))));

/**
 * What a device would refuse, before it is signed, and what would shut devices out. Faults: those of `judgeEntries` and `judgeLists`, `would-strand`, `too-large`.
 * An empty list means good.
 */
export function checkPolicy(body: PolicyBody): readonly Fault[] {
  const bytes = new TextEncoder().encode(JSON.stringify(body)).length;
  if (bytes > maxBodyBytes) return [fault('too-large', { bytes, limit: maxBodyBytes })];
  if (body.blocklist.length > maxBlocked)
    return [fault('too-large', { count: body.blocklist.length, limit: maxBlocked })];
  const { main, reserve } = body.server;
  const stranded = wouldStrand(
    body.blocklist,
    fingerprintOf(fromBase64(main)),
    reserve ? fingerprintOf(fromBase64(reserve.certificate)) : null,
  );
  return [
    ...judgeEntries(body.certificates.entries).faults,
    ...judgeLists(body.revocation).faults,
    ...judgePins(body.server),
    ...judgeSettings(body.settings),
    ...(stranded || blocksFrontEnd(body) ? [fault('would-strand')] : []),
  ];
}
