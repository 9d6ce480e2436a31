/** The administration API, `/api/v1`, for the command line over a Unix socket. The Web Console has the same behind HTTPS. */
import { rmSync } from 'node:fs';
import fastify from 'fastify';
import { fault } from '../../protocol/fault.ts';
import { allRights } from '../core/permission.ts';
import { addRoutes, answerErrors, checkShapes, clientErrors, denial } from './admin-door.ts';
import { rootActor, type Server } from './context.ts';
import { maxBodyBytes } from './problem.ts';

export type Admin = { readonly close: () => Promise<void> };

/**
 * Listens on `path`, readable by its owner only: whoever can open it may do everything. `publish` runs after every change.
 */
export async function serveAdmin(server: Server, publish: () => Promise<void>, path: string): Promise<Admin> {
  const deny = denial(server, () => rootActor);
  const app = fastify({
    bodyLimit: maxBodyBytes,
    forceCloseConnections: true,
    frameworkErrors: (_error, _request, reply) => deny(reply, fault('bad-shape', { what: 'url' })),
    clientErrorHandler: clientErrors(server, rootActor),
  });
  checkShapes(app);
  answerErrors(app, server, deny);
  app.setNotFoundHandler((request, reply) => deny(reply, fault('not-found', { what: request.url.slice(0, 120) })));
  addRoutes(app, { server, publish, deny, callerOf: () => ({ actor: rootActor, rights: allRights }) });
  rmSync(path, { force: true });
  const before = process.umask(0o177);
  try {
    await app.listen({ path });
  } finally {
    process.umask(before);
  }
  return {
    close: async () => {
      await app.close();
      rmSync(path, { force: true });
    },
  };
}
