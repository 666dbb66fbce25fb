"""Which object belongs to which job."""


def input_key(job_id: str) -> str:
    """Key of the photo."""
    return f"inputs/{job_id}"


def result_keys(job_id: str, pictures: int) -> tuple[str, ...]:
    """Keys of the pictures, each followed by that of the crop it was painted from: (p1, o1, p2, o2, …)."""
    return tuple(f"results/{job_id}/{n}{end}.png" for n in range(1, pictures + 1) for end in ("", "-original"))
