/** Lists as the API gives them: which part is asked for, and a page of rows with the number of all that fit. */
import { type TObject, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import { largestPage } from '../core/page.ts';

export type { Page } from '../core/page.ts';
/** What every list may be asked; filters come beside it. `q` is looked for in every text of a row. */
export type ListQuery<Column extends string> = {
  readonly q?: string;
  readonly sort?: Column;
  readonly order?: 'asc' | 'desc';
  readonly offset?: number;
  readonly limit?: number;
};

/** Its title tells who writes it down that it is a time. */
export const instant = Type.Integer({ title: 'instant', description: 'milliseconds since 1970-01-01T00:00:00Z' });
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
export const oneOf = <const V extends string>(values: readonly V[]) =>
  Type.Union(values.map((value) => Type.Literal(value)));

export const listQuery = (columns: readonly string[], filters: TProperties = {}): TObject =>
  Type.Object(
    {
      q: Type.Optional(Type.String({ maxLength: 120 })),
      sort: Type.Optional(oneOf(columns)),
      order: Type.Optional(oneOf(['asc', 'desc'])),
      offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: largestPage })),
      format: Type.Optional(oneOf(['json', 'csv'])),
      ...Object.fromEntries(Object.entries(filters).map(([name, schema]) => [name, Type.Optional(schema)])),
    },
    { additionalProperties: false },
  );

export const pageOf = <S extends TObject>(row: S) => Type.Object({ rows: Type.Array(row), total: Type.Integer() });
