/** Audiences of signed documents (`aud`): for each of them revisions rise on their own. */
export const groupAudience = (serverId: string, group: string): string => `${serverId}/group/${group}`;
/** All devices of a server: one stick repairs a room. */
export const repairAudience = (serverId: string): string => `${serverId}/repair`;
export const deviceAudience = (serverId: string, device: string): string => `${serverId}/device/${device}`;
/** Every device of the server: rotation statements. */
export const serverAudience = (serverId: string): string => `${serverId}/server`;
/** Every device of the server: key statements. */
export const keysAudience = (serverId: string): string => `${serverId}/keys`;
