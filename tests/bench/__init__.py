"""What this toolkit costs, measured beside what it is compared with, in one run."""
