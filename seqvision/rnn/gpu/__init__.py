"""Recurrences on GPUs: all steps of a layer with few launches, and what was measured to be the fastest there."""
