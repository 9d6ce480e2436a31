/** One figure beside its floor, both measured in the same run. */
export type Row = {
  readonly what: string;
  readonly figure: string;
  readonly floor: string;
  readonly goal: string;
  readonly met: boolean;
};
