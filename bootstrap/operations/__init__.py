"""Around a cluster's life: install the tools, back up, restore, arbitrate."""
