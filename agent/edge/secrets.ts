/** Passwords of connections, from the request that brought them to the launch that uses them. Memory only, each given once. */
export type Secrets = {
  readonly keep: (request: number, password: string) => void;
  /** Null when there is none. */
  readonly take: (request: number) => string | null;
};

export function openSecrets(): Secrets {
  const kept = new Map<number, string>();
  return {
    keep: (request, password) => void kept.set(request, password),
    take: (request) => {
      const password = kept.get(request) ?? null;
      kept.delete(request);
      return password;
    },
  };
}
