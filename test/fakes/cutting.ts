/**
 * What every cut test does with a story of its own: tells it to its end from wherever the power came back, gives the worlds
 * that a cut after each effect leaves, and cuts in the middle of disk operations. The disk forgets what was not synced, in a
 * different way each time.
 */
import { assert } from '../harness.ts';
import { cutPower, type Device, live, type Plan, type World, worldAfterCut, worldIdentity } from './device.ts';

export type Story = {
  /** Made anew for each life of the device. */
  readonly plan: (world: World, more: Partial<Plan>) => Plan;
  /** What must be the same however often the power went. */
  readonly assertEnd: (world: World, device: Device) => void | Promise<void>;
};
/** What a cut after an effect leaves, as a world of its own. */
export type Left = { readonly after: number; readonly world: World };

export function cutsOf({ plan, assertEnd }: Story) {
  /** The story from here to its end. */
  const finish = async (world: World, more: Partial<Plan> = {}): Promise<Device> => {
    const { ending, device } = await live(world, plan(world, more));
    assert.is(ending, 'goal', `${ending}: ${JSON.stringify(device.status)}`);
    await assertEnd(world, device);
    return device;
  };
  /**
   * Lives to the end, and gives what a cut after each effect on the way leaves. An effect that changes neither the disk nor
   * the server leaves the world of the one before it; such a world is given once. `effects` counts them all.
   */
  const worldsAfterCuts = async (world: World, seed: number, known: Set<string>) => {
    let effects = 0;
    const left: Left[] = [];
    const afterEffect = (performed: number): void => {
      effects = performed;
      const cut = worldAfterCut(world, seed + performed);
      const identity = worldIdentity(cut);
      if (!known.has(identity)) left.push({ after: performed, world: cut });
      known.add(identity);
    };
    await finish(world, { afterEffect });
    return { effects, left };
  };
  /** In the middle of these disk operations, one life after the other, and then to the end. */
  const cutAndFinish = async (world: World, cuts: readonly number[]): Promise<void> => {
    for (const [index, cutDiskAfter] of cuts.entries()) {
      const { ending, device } = await live(world, plan(world, { cutDiskAfter }));
      if (ending === 'goal') return assertEnd(world, device);
      assert.is(ending, 'cut');
      cutPower(world, index * 7919 + cutDiskAfter);
    }
    await finish(world);
  };
  return { finish, worldsAfterCuts, cutAndFinish };
}

/** Disk operations in rows of 25, for a table. */
export const operationRows = (operations: number): readonly { readonly name: string; readonly from: number }[] =>
  Array.from({ length: Math.ceil(operations / 25) }, (_, index) => ({
    name: `operations from ${index * 25}`,
    from: index * 25,
  }));
