"""This process: its log, its signals and its children; knows nothing of Galera."""
