/** Pictures of 16 by 16, drawn in the colour of the text; they only ever stand beside words. */
const shapes = {
  alert: 'M8 2 1.500 13.500h13zM8 6.500v3.500M8 12v.010',
  certificate:
    'M14 8.500V3H2v8h5.500M4.500 5.500h7M4.500 8h3M11.500 9.500a1.800 1.800 0 1 0 0 3.600 1.800 1.800 0 0 0 0-3.600zM10.500 13v2l1-.6 1 .6v-2',
  check: 'M3 8.500 6.500 12 13 4.500',
  chevron: 'm5 6.500 3 3 3-3',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.800V8l2.200 1.500',
  code: 'M2 4h12v8H2zM4.500 8h.010M8 8h.010M11.500 8h.010',
  cross: 'm4 4 8 8M12 4l-8 8',
  dash: 'M3.500 8h9',
  device: 'M2 3h12v7.500H2zM5.500 13.500h5M8 10.500v3',
  download: 'M8 2.500v7.500M5 7l3 3 3-3M3 13h10',
  eye: 'M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8zM8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  group: 'M6 2.500h4v3.500H6zM2 10.500h4V14H2zM10 10.500h4V14h-4zM8 6v2.200M4 10.500V8.200h8v2.300',
  hidden: 'M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8zM2.500 13.500l11-11',
  info: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 7.500V11M8 5v.010',
  key: 'M6 10a3 3 0 1 1 2.400-1.200L14 14.400M11 11.500l1.500-1.500M6 7.500v.010',
  log: 'M3 2.500h10v11H3zM5.500 6h5M5.500 8.500h5M5.500 11h3',
  menu: 'M2.500 4.500h11M2.500 8h11M2.500 11.500h11',
  next: 'm6 4 4 4-4 4',
  off: 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3z',
  out: 'M6.500 2.500h-4v11h4M6 8h8M11 5l3 3-3 3',
  person:
    'M8 8a2.700 2.700 0 1 0 0-5.400A2.700 2.700 0 0 0 8 8zM2.800 13.800c.5-2.500 2.500-3.800 5.200-3.800s4.700 1.300 5.200 3.800',
  previous: 'M10 4 6 8l4 4',
  reload: 'M13 8a5 5 0 1 1-1.500-3.600M13 2.500v3h-3',
  search: 'M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM10.300 10.300 14 14',
  settings: 'M2 4.500h7M12 4.500h2M2 11.500h2M7 11.500h7M10.500 3v3M5.500 10v3',
  shield:
    'M8 1.800 2.800 3.700v4c0 3.300 2.200 5.500 5.200 6.500 3-1 5.200-3.200 5.200-6.500v-4zM5.600 8l1.700 1.700L10.600 6',
  sorted: 'M8 12.500v-9M4.500 7 8 3.500 11.500 7',
  stop: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM3.800 3.800l8.400 8.400',
} as const;

export type IconName = keyof typeof shapes;

export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg class={`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
    <path d={shapes[name]} />
  </svg>
);

/** Large, in the colours of the product. */
export const Mark = () => (
  <svg class="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false">
    <path class="mark-shield" d="M16 2 4 7v8c0 7.600 5.100 13 12 15 6.900-2 12-7.400 12-15V7z" />
    <path class="mark-check" d="m10.500 16 4 4 7.500-8" />
  </svg>
);
