// Types of vendor/x6.js: of AntV X6 only what the console uses.

export interface Cell {
  id: string;
  isNode(): boolean;
  getBBox(): Rectangle;
  setAttrs(attrs: Record<string, any>): this;
  getPosition(): { x: number; y: number };
  setPosition(x: number, y: number): this;
  getSourceCellId(): string;
  getTargetCellId(): string;
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
  containsRect(other: Rectangle): boolean;
}

export class Graph {
  constructor(options: {
    container: HTMLElement;
    connecting?: {
      createEdge?: () => Cell;
      validateConnection?: (ends: { targetMagnet?: Element | null }) => boolean;
      [option: string]: any;
    };
    [option: string]: any;
  });
  static registerNode(name: string, options: Record<string, any>, overwrite?: boolean): void;
  use(plugin: Selection): this;
  on(name: string, call: (event: any) => void): this;
  addNode(node: Record<string, any>): Cell;
  addEdge(edge: Record<string, any>): Cell;
  createEdge(edge: Record<string, any>): Cell;
  removeCell(cell: string | Cell): void;
  getCellById(id: string): Cell;
  getCellCount(): number;
  batchUpdate(change: () => void): void;
  zoom(factor: number, options?: { absolute?: boolean; minScale?: number; maxScale?: number }): this;
  zoomToFit(options?: Record<string, any>): this;
  centerCell(cell: Cell): void;
  getGraphArea(): Rectangle;
  clientToLocal(x: number, y: number): { x: number; y: number };
  dispose(): void;
}

export class Selection {
  constructor(options: { filter?: (cell: Cell) => boolean; [option: string]: any });
  getSelectedCells(): Cell[];
  reset(ids: string[]): void;
}
