"""Pure: when a member's system tables are upgraded, and what has become of it."""
