"""Commands that jobs beside the members run."""
