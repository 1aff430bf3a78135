"""What is on this pod's volume, told to the other pods of the set, and what they have on theirs."""
