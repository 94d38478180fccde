"""`/v2/`: the routes of our own registry (OCI distribution-spec 1.1, distribution's HTTP API V2)."""
