"""Pure code: names, sets of peers, when a hook is due."""
