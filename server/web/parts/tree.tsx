/** A tree of links (ARIA, navigation treeview): arrows move and open, Enter follows, one stop for Tab. */
import { useRef, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

export type TreeNode = {
  readonly id: string;
  readonly href: string;
  readonly name: string;
  /** Beside the name. */
  readonly note: string;
  readonly children: readonly TreeNode[];
};
type Shown = { readonly node: TreeNode; readonly parent: string | null };

export function Tree({ label, nodes }: { readonly label: string; readonly nodes: readonly TreeNode[] }) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const shown = shownOf(nodes, closed, null);
  const at = shown.some(({ node }) => node.id === chosen) ? chosen : (shown[0]?.node.id ?? '');
  const go = (id: string | null | undefined) => {
    if (id === null || id === undefined) return;
    setChosen(id);
    list.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`)?.focus();
  };
  const open = (id: string, wanted: boolean) =>
    setClosed((before) => new Set(wanted ? [...before].filter((each) => each !== id) : [...before, id]));
  const onKeyDown = (event: KeyboardEvent) => {
    const index = shown.findIndex(({ node }) => node.id === at);
    const here = shown[index];
    if (!here || event.ctrlKey || event.altKey || event.metaKey) return;
    const { node, parent } = here;
    const isOpen = node.children.length > 0 && !closed.has(node.id);
    const keys: Readonly<Record<string, () => void>> = {
      ArrowDown: () => go(shown[index + 1]?.node.id),
      ArrowUp: () => go(shown[index - 1]?.node.id),
      Home: () => go(shown[0]?.node.id),
      End: () => go(shown.at(-1)?.node.id),
      ArrowRight: () => (isOpen ? go(node.children[0]?.id) : open(node.id, true)),
      ArrowLeft: () => (isOpen ? open(node.id, false) : go(parent)),
    };
    const run = keys[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  return (
    <div class="tree" role="tree" aria-label={label} ref={list} onKeyDown={onKeyDown}>
      {nodes.map((node) => (
        <Item key={node.id} node={node} at={at} closed={closed} onOpen={open} onFocus={setChosen} />
      ))}
    </div>
  );
}

function Item({
  node,
  at,
  closed,
  onOpen,
  onFocus,
}: {
  readonly node: TreeNode;
  readonly at: string;
  readonly closed: ReadonlySet<string>;
  readonly onOpen: (id: string, open: boolean) => void;
  readonly onFocus: (id: string) => void;
}) {
  const { id, href, name, note, children } = node;
  const isOpen = !closed.has(id);
  return (
    <div role="none">
      <a
        role="treeitem"
        aria-expanded={children.length > 0 ? isOpen : undefined}
        aria-owns={children.length > 0 && isOpen ? `tree-${id}` : undefined}
        data-id={id}
        href={href}
        tabIndex={id === at ? 0 : -1}
        onFocus={() => onFocus(id)}
      >
        {children.length > 0 ? (
          // biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: the arrow keys do the same
          <span
            class={isOpen ? 'tree-toggle tree-open' : 'tree-toggle'}
            onClick={(event) => {
              event.preventDefault();
              onOpen(id, !isOpen);
            }}
          >
            <Icon name="next" />
          </span>
        ) : (
          <span class="tree-toggle" />
        )}
        <span class="tree-name">{name}</span> <span class="quiet">{note}</span>
      </a>
      {children.length > 0 && isOpen && (
        // biome-ignore lint/a11y/useSemanticElements: a group of a tree is no fieldset
        <div class="tree-group" role="group" id={`tree-${id}`}>
          {children.map((child) => (
            <Item key={child.id} node={child} at={at} closed={closed} onOpen={onOpen} onFocus={onFocus} />
          ))}
        </div>
      )}
    </div>
  );
}

const shownOf = (nodes: readonly TreeNode[], closed: ReadonlySet<string>, parent: string | null): readonly Shown[] =>
  nodes.flatMap((node) => [{ node, parent }, ...(closed.has(node.id) ? [] : shownOf(node.children, closed, node.id))]);
