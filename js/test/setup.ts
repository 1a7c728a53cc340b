// jsdom has no canvas and reports each request for one; text is then measured by the rough table.
HTMLCanvasElement.prototype.getContext = () => null;
