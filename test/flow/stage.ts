/** What the stories of a person at the console begin with. */
import { register } from './acts.ts';
import { type Device, openSystem, type Running, type Screen, type System } from './system.ts';

export type Stage = {
  readonly system: System;
  readonly device: Device;
  readonly server: Running;
  readonly screen: Screen;
};

/** A registered device in no group, with its console in a terminal; a failure brings what the screen shows and the agent logged. */
export async function onStage(
  play: (stage: Stage) => Promise<void>,
  environment: NodeJS.ProcessEnv = {},
): Promise<void> {
  const system = openSystem(process.execPath, environment);
  const device = system.device('desk');
  let screen: Screen | null = null;
  try {
    const server = await system.startServer();
    await system.powerOn(device);
    await register(system, device);
    screen = system.openConsole(device);
    await screen.see(/in no group/);
    await play({ system, device, server, screen });
  } catch (error) {
    throw new Error(`${error}\n--- screen\n${await screen?.read()}\n--- agent\n${system.log('thintrustd')}`);
  } finally {
    await screen?.close();
    await system.close();
  }
}
