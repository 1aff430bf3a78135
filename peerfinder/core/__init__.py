"""Pure: names, sets of peers, when a hook is due."""
