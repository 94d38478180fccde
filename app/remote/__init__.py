"""The client for other registries (OCI distribution-spec 1.1), over the one door out."""
