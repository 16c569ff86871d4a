"""The files of a Millrace workspace."""
