"""Servers that stand in for the outside world; each runs on 127.0.0.1 with a free port."""
