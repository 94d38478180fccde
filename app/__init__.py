"""Tagtrail: the history of container tags, and what should happen when one moves.

Reading order: `domain` (what things mean), `envelopes` (what senders say), `usecases` (what is done),
`store` (where it is kept), then the doors: `web` and `cli`. `bootstrap` puts the parts together.
"""
