"""Shapes of JSON on the wires, ours and theirs; no behaviour beyond validation."""
