"""Which object belongs to which job."""

INPUTS = "inputs/"
RESULTS = "results/"


def input_key(job_id: str) -> str:
    """Key of the photo."""
    return f"{INPUTS}{job_id}"


def result_keys(job_id: str, pictures: int) -> tuple[str, ...]:
    """Keys of the pictures, each followed by that of the crop it was painted from: (p1, o1, p2, o2, …)."""
    return tuple(f"{RESULTS}{job_id}/{n}{end}" for n in range(1, pictures + 1) for end in (".png", "-original.jpg"))


def job_of(key: str) -> str:
    """Id of the job that an object under either prefix was made for."""
    return key.split("/")[1]
