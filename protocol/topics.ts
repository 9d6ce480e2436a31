/** MQTT topics. What is used here exists in MQTT 3.1.1 and 5 alike. */
export type DeviceLeaf = 'device' | 'command' | 'report' | 'event' | 'presence';
export type Topic =
  | { readonly of: 'group'; readonly id: string; readonly leaf: 'policy' }
  | { readonly of: 'device'; readonly id: string; readonly leaf: DeviceLeaf };

const root = 'thintrust/v1';
const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const groupTopic = new RegExp(`^${root}/group/(${uuid})/policy$`);
const deviceTopic = new RegExp(`^${root}/device/(${uuid})/(device|command|report|event|presence)$`);

export const policyTopic = (group: string): string => `${root}/group/${group}/policy`;
export const deviceLeafTopic = (device: string, leaf: DeviceLeaf): string => `${root}/device/${device}/${leaf}`;
/** What the server itself subscribes to. */
export const fleetFilter = (leaf: 'report' | 'event' | 'presence'): string => `${root}/device/+/${leaf}`;

/** Null for anything that is not one of our topics; wildcards included. */
export function parseTopic(topic: string): Topic | null {
  if (topic.length > 120) return null;
  const group = groupTopic.exec(topic);
  if (group?.[1]) return { of: 'group', id: group[1], leaf: 'policy' };
  const device = deviceTopic.exec(topic);
  if (device?.[1] && device[2]) return { of: 'device', id: device[1], leaf: device[2] as DeviceLeaf };
  return null;
}
