"""What can go wrong in the stores. The text is for the operator: it names the thing and says what to do."""


class StorageError(Exception):
    """A store cannot do its work.

    Codes: `unreachable`, `denied`, `no_credentials`, `bucket_missing`, `bucket_public`, `queue_missing`, `disk_full`,
    `not_writable`, `object_missing`, `bad_key`, `bad_url`, `database_corrupt`, `database_newer`, `database_locked`,
    `database_failed`, `failed`.
    """

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what)
        self.code = code


class ObjectMissing(StorageError):
    """No object has this key (any more)."""

    def __init__(self, key: str) -> None:
        super().__init__("object_missing", f"No object {key!r}: it was deleted, or it expired.")
        self.key = key
