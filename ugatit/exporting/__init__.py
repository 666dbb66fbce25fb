"""Generators in the formats of other runtimes: one module each, with `export(generator, path)` and `paint(path, x)`.

`export` writes, `paint` runs what was written in the runtime that is meant to run it; `exporter` holds the one against
Keras.
"""
