"""One outside thing each: translates, never decides."""
