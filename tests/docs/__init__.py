"""Tests of the documentation: it builds, its links lead somewhere, and its code runs."""
