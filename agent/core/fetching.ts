/** Certificates for other programs on their way: what of `corporate.ts` is in memory. */
/** What is fetched now, and when each of the others has its turn. */
export type Fetching = {
  readonly asking: { readonly id: string; readonly order: number } | null;
  readonly turns: readonly {
    readonly id: string;
    readonly order: number;
    readonly attempt: number;
    readonly untilMs: number;
  }[];
};
export const noFetching: Fetching = { asking: null, turns: [] };
