"""This process: what it imports, its log, its signals and children; knows nothing of Galera."""
