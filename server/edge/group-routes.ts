/** What the administration API offers about one group: what it says and gets, its place in the tree, its certificates. */
import { Type } from '@sinclair/typebox';
import { good } from '../../protocol/fault.ts';
import {
  blockedColumns,
  blockedRow,
  blockReach,
  delivery,
  groupDetails,
  policyCertificateColumns,
  policyCertificateRow,
  purposes,
} from '../api/groups.ts';
import { oneOf } from '../api/list.ts';
import { type AdminRoute, closed, done, fingerprint, name, of, reading, withBody } from './admin-route.ts';
import { readReach, setBlockedEverywhere } from './blocking.ts';
import { readDelivery, showGroup } from './group-details.ts';
import { moveGroup, removeGroup, renameGroup } from './group-tree.ts';
import { listing } from './listing.ts';
import {
  type BlockedQuery,
  type PolicyCertificateQuery,
  pageBlocked,
  pagePolicyCertificates,
} from './policy-certificates.ts';

export const groupRoutes: readonly AdminRoute[] = [
  reading('/groups/:group', groupDetails, (server, call) => showGroup(server, of(call, 'group'))),
  reading('/groups/:group/delivery', delivery, (server, call) => readDelivery(server, of(call, 'group'))),
  withBody(
    { method: 'PUT', url: '/groups/:group/name', action: 'edit-groups', answer: done },
    Type.Object({ name }, closed),
    (server, body, call) => renameGroup(server, call.actor, of(call, 'group'), body.name),
  ),
  withBody(
    { method: 'PUT', url: '/groups/:group/parent', action: 'edit-groups', answer: done },
    Type.Object({ parent: Type.Union([name, Type.Null()]) }, closed),
    (server, { parent }, call) => moveGroup(server, call.actor, of(call, 'group'), parent),
  ),
  {
    method: 'DELETE',
    url: '/groups/:group',
    action: 'edit-groups',
    answer: done,
    run: (server, call) => removeGroup(server, call.actor, of(call, 'group')),
  },
  listing({
    url: '/groups/:group/policy/certificates',
    row: policyCertificateRow,
    columns: policyCertificateColumns,
    filters: { purpose: oneOf(purposes), own: Type.Boolean() },
    run: (server, query: PolicyCertificateQuery, call) => pagePolicyCertificates(server, of(call, 'group'), query),
  }),
  listing({
    url: '/groups/:group/policy/blocklist',
    row: blockedRow,
    columns: blockedColumns,
    filters: { own: Type.Boolean() },
    run: (server, query: BlockedQuery, call) => pageBlocked(server, of(call, 'group'), query),
  }),
  reading('/blocklist/:fingerprint', blockReach, async ({ db }, call) =>
    good(await readReach(db, of(call, 'fingerprint'))),
  ),
  withBody(
    { method: 'PUT', url: '/blocklist', action: 'edit-policy-certificates', answer: blockReach },
    Type.Object({ fingerprint, blocked: Type.Boolean() }, closed),
    (server, body, { actor }) => setBlockedEverywhere(server, actor, body),
  ),
];
