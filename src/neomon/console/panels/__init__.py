"""Drawing the panels of a dashboard as HTML and SVG."""
