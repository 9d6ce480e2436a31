/** Pages that belong together: each has an address of its own, and all name each other. */
export const Tabs = ({
  label,
  tabs,
  at,
}: {
  readonly label: string;
  readonly tabs: readonly (readonly [href: string, title: string])[];
  /** The address of the page that is shown. */
  readonly at: string;
}) => (
  <nav class="tabs" aria-label={label}>
    {tabs.map(([href, title]) => (
      <a key={href} href={href} aria-current={href === at ? 'page' : undefined}>
        {title}
      </a>
    ))}
  </nav>
);
