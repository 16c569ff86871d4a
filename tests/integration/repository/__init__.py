"""Tests of the measured changes of a workspace."""
