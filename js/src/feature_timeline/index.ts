/** Entry of the anywidget module. */
import type { Render } from "@anywidget/types";
import type { Host } from "../lib/host";
import type { TimelineState } from "../lib/timeline.gen";
import { renderFeatureTimeline } from "./widget";

const render: Render = ({ model, el }) =>
  renderFeatureTimeline(model as unknown as Host<TimelineState>, el);

export default { render };
