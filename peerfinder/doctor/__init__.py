"""Pure code: what is wrong with the discovery of peers, each finding with its cause and its cure."""
