"""Pure: what is known, what follows from it, and how it reads.  No file below does I/O or looks at a clock."""
