"""Pure: the events of all pods as one timeline, in text and as a picture."""
