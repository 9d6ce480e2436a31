/** The part of blessed's screen that draws cells; the rest of blessed is not used. */
declare module 'blessed/lib/widgets/screen.js' {
  type Row = [attribute: number, character: string][] & { dirty?: boolean };
  type Keystroke = {
    readonly name?: string;
    readonly full?: string;
    readonly ctrl?: boolean;
    readonly meta?: boolean;
    readonly shift?: boolean;
  };
  type Program = {
    cup(row: number, column: number): void;
    showCursor(): void;
    hideCursor(): void;
    flush(): void;
    readonly cursorHidden: boolean;
  };
  type BlessedScreen = {
    readonly lines: readonly Row[];
    readonly width: number;
    readonly height: number;
    readonly program: Program;
    draw(first: number, last: number): void;
    alloc(dirty?: boolean): void;
    destroy(): void;
    on(event: 'resize', heard: () => void): void;
    on(event: 'keypress', heard: (character: string | undefined, key: Keystroke) => void): void;
  };
  type Options = { readonly forceUnicode: boolean; readonly fullUnicode: boolean; readonly title?: string };
  const Screen: new (options: Options) => BlessedScreen;
  export default Screen;
}
