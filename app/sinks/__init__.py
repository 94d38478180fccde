"""Where deliveries go. One file a kind, all of one shape: a pure `render`, and a `send` that tries once."""
