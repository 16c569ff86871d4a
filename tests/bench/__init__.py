"""How fast it is: ours and the reference in turn on the real tools; `make bench`, never pytest."""
