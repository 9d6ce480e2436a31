/** What the rows of one table have in common: opened by the first that asks, closed by the test that stands after them. */
export type Shared<T> = { readonly get: () => Promise<T>; readonly close: () => Promise<void> };

/** `open` keeps it open for as long as what it is given runs. */
export function share<T>(open: (run: (opened: T) => Promise<void>) => Promise<void>): Shared<T> {
  let end = (): void => {};
  let closed: Promise<void> = Promise.resolve();
  let opened: Promise<T> | null = null;
  return {
    get: () => {
      opened ??= new Promise((resolve, reject) => {
        const ended = new Promise<void>((done) => {
          end = done;
        });
        closed = open((value) => {
          resolve(value);
          return ended;
        });
        closed.catch(reject);
      });
      return opened;
    },
    close: () => {
      end();
      return closed;
    },
  };
}
