/** Entry of the anywidget module. */
import type { Render } from "@anywidget/types";
import type { Host } from "../lib/host";
import { renderHierarchyTree } from "./widget";

const render: Render = ({ model, el }) => renderHierarchyTree(model as unknown as Host, el);

export default { render };
