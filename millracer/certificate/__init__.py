"""Signing keys and signed certificates on files: DSSE envelopes with ed25519 signatures."""
