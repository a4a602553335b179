"""Evidence becomes observations, verdicts and the manifest: one module a source."""
