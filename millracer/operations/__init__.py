"""The operations of Millracer, independent of the transport."""
