/** Audiences of signed documents (`aud`): for each of them revisions rise on their own. */
export const groupAudience = (serverId: string, group: string): string => `${serverId}/group/${group}`;
export const deviceAudience = (serverId: string, device: string): string => `${serverId}/device/${device}`;
/** Every device of the server: rotation statements. */
export const serverAudience = (serverId: string): string => `${serverId}/server`;
