"""Pure: the rules, the quorum proofs, the election, the override."""
