/**
 * The main job as a script that only looks at what the server and the device show, so that it can be cut anywhere and goes
 * on: register → join a group with a policy → receive the reserve → switch → miss two changes → replace by code.
 */
import type { Happening } from '../../agent/core/shape.ts';
import { fault } from '../../protocol/fault.ts';
import { dayMs } from '../../protocol/time.ts';
import { base64, logServer, print, rdpRoot, serverCertificates } from './administration.ts';
import { ask, type Device, type World } from './device.ts';

export const chapters = ['register', 'policy', 'reserve', 'switch', 'replace', 'end'] as const;
export type Chapter = (typeof chapters)[number];

/** How far the story has come, told by the server's own view alone. */
export function chapterOf(world: World): Chapter {
  const { state, device, office } = world.server;
  if (!device.confirmed) return 'register';
  const applied = state.report?.applied;
  if (state.main === 0 && !state.reserve) {
    const there = state.group === office && applied?.group === office.id && state.report?.certificates.length === 3;
    return there ? 'reserve' : 'policy';
  }
  if (state.main === 0) return state.report?.pins?.reserve === print(serverCertificates[1]) ? 'switch' : 'reserve';
  if (state.main === 1) return state.report?.pins?.current === print(serverCertificates[1]) ? 'replace' : 'switch';
  return state.report?.pins?.current === print(serverCertificates[3]) ? 'end' : 'replace';
}

/** What the administrator and the person at the console do next, once for each reason. */
export function tellStory(): (world: World, device: Device) => readonly Happening[] {
  let asked = '';
  const once = (name: string, act: () => readonly Happening[]): readonly Happening[] => {
    if (asked === name) return [];
    asked = name;
    return act();
  };
  return (world, device) => {
    const { server } = world;
    switch (chapterOf(world)) {
      case 'register':
        if (device.status?.at !== 'unregistered') return [];
        return once('register', () => [ask({ do: 'register', order: orderOf(world) })]);
      case 'policy': {
        if (server.state.group === server.office) return [];
        server.office.entries = [
          { purpose: 'rdp', file: 'root.pem', certificate: base64(rdpRoot) },
          { purpose: 'log', file: 'log.pem', certificate: base64(logServer) },
        ];
        return [...server.publishPolicies(), ...server.moveTo(server.office)];
      }
      case 'reserve':
        if (server.state.reserve) return [];
        server.state.reserve = { index: 1, activateAt: world.time.trueMs + dayMs };
        return server.publishPolicies();
      case 'switch':
        if (server.state.main === 1) return [];
        Object.assign(server.state, { main: 1, reserve: null });
        return server.publishPolicies();
      case 'replace': {
        if (server.state.main === 1) return missTwoChanges(world);
        const shown = device.status?.replacement?.confirmationCode;
        if (!shown) return [];
        return once(`code ${shown}`, () => [ask({ do: 'code', code: server.answerCode(shown) })]);
      }
      case 'end':
        return [];
    }
  };
}

/** The device is away while the server changes its certificate twice; its connection is gone when it looks. */
function missTwoChanges(world: World): readonly Happening[] {
  const { state } = world.server;
  const { connection } = state;
  state.connection = null;
  state.main = 3;
  world.server.publishPolicies();
  return connection === null ? [] : [{ type: 'closed', connection, fault: fault('server-unreachable') }];
}

export const orderOf = (world: World) => ({
  address: '127.0.0.1:443',
  fingerprint: print(serverCertificates[world.server.state.main]),
  invitation: 'invitation-1',
  password: 'right',
});
