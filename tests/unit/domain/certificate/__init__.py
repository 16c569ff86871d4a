"""Tests of the rules of certificates."""
