"""Tests of certificates on real signatures and real repositories."""
