"""Figures, not tests: each module prints what it measured, on which machine and with which versions."""
