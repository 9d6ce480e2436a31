/** Calls that must not overlap: each begins when the one before has ended, well or badly. */
export type InTurn = <T>(run: () => Promise<T>) => Promise<T>;

export function makeTurns(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (run) => {
    const turn = last.then(run);
    last = turn.catch(() => null);
    return turn;
  };
}
