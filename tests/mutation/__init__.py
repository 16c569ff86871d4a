"""Mutation testing of `millracer/domain/`: every small wrong change must fail a test."""
