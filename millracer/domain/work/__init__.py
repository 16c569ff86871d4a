"""Work items: identity, kind, state, and Millrace's runtime."""
