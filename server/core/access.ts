/** Who may do what on the broker: one rule for the embedded broker and for the access lists of an outside one. */
import { deviceLeafTopic, parseTopic, policyTopic } from '../../protocol/topics.ts';

/** A device and the group whose policy it reads; without a group it has no place on the broker. */
export type Place = { readonly id: string; readonly group: string | null };
export type Upward = 'report' | 'event' | 'presence';

/** What devices say. */
export const upward: readonly Upward[] = ['report', 'event', 'presence'];

/** Topics a device reads: its own two, and the policy of its group. No wildcards. */
export const readableTopics = ({ id, group }: Place): readonly string[] =>
  group === null ? [] : [deviceLeafTopic(id, 'device'), deviceLeafTopic(id, 'command'), policyTopic(group)];

export const writableTopics = ({ id, group }: Place): readonly string[] =>
  group === null ? [] : upward.map((leaf) => deviceLeafTopic(id, leaf));

export const mayRead = (place: Place, topic: string): boolean => readableTopics(place).includes(topic);

/** What a device says with a message on this topic, or null where it may not speak. */
export function spokenLeaf({ id, group }: Place, topic: string): Upward | null {
  const parsed = parseTopic(topic);
  if (group === null || parsed?.of !== 'device' || parsed.id !== id) return null;
  return upward.find((leaf) => leaf === parsed.leaf) ?? null;
}
