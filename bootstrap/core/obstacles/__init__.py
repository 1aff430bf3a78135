"""Pure: what forbids a start whatever the data are: no room for a copy, options that would harm the data."""
