"""The sidecar: observe, decide, promise, permit."""
