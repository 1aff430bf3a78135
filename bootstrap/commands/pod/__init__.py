"""Commands that manifests run."""
