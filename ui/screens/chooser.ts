/** One of a few, turned by Left and Right. */
import { type Line, span } from '../frame.ts';

export const chooser = (label: string, value: string, focused: boolean): Line => [
  span(`${focused ? '> ' : '  '}${label}  `, focused ? 'strong' : 'normal'),
  span(`< ${value} >`, focused ? 'selected' : 'strong'),
];
