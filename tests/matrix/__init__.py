"""The versions that Millracer is tested on, cell by cell: `make test-matrix`."""
