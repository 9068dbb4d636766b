// vendor/x6.js: the graph editor of the console's builder, of AntV X6 what that needs (see noStyles in build.mjs).
import { Graph } from "@antv/x6/es/graph/index.js";
import { Selection } from "@antv/x6/es/plugin/selection/index.js";
import "@antv/x6/es/shape/index.js"; // registers the shapes that nodes inherit from

export { Graph, Selection };
