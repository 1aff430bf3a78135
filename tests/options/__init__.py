"""Each option of the server, tried on the recovery of a killed datadir: which ones falsify the position?"""
