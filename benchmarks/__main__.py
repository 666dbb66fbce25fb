"""`python -m benchmarks` (and `make bench`) runs them all."""

from benchmarks import pipeline, start

if __name__ == "__main__":
    start.main()
    pipeline.main()
