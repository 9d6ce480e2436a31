/** Whose word counts, for people who look at a group: the same rule by which `policy.ts` flattens, with names. */
import { flattenBlock, type Group } from './policy.ts';

type Ref = { readonly id: string; readonly name: string };
export type Said<T> = { readonly group: Group; readonly enforced: boolean; readonly value: T | null };
export type Explained<T> = {
  own: T | null;
  enforced: boolean;
  effective: T | null;
  /** The group that sets what counts. */
  from: Ref | null;
  /** The topmost group above that locks the block. */
  lockedBy: Ref | null;
};

/** `path` runs from the root of the tree to the group itself. */
export function explainBlock<T>(path: readonly Said<T>[]): Explained<T> {
  const last = path.at(-1);
  const said = path.map((each) => ({
    enforced: each.enforced,
    value: each.value === null ? null : { from: each.group, value: each.value },
  }));
  const found = flattenBlock(said).value;
  return {
    own: last?.value ?? null,
    enforced: last?.enforced ?? false,
    effective: found?.value ?? null,
    from: found && refOf(found.from),
    lockedBy: explainLock(path),
  };
}

export function explainLock(path: readonly Pick<Said<unknown>, 'group' | 'enforced'>[]): Ref | null {
  const found = path.slice(0, -1).find(({ enforced }) => enforced);
  return found ? refOf(found.group) : null;
}

const refOf = ({ id, name }: Group): Ref => ({ id, name });
