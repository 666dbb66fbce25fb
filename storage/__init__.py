"""Where things are kept: photos and pictures as objects (files or S3), jobs and people in SQLite."""

from storage.database import Database
from storage.errors import ObjectMissing, StorageError
from storage.files import FileStore
from storage.jobs import Job, Jobs, Sent, Source, State
from storage.keys import input_key, result_keys
from storage.links import disposition
from storage.objects import ObjectStore, open_store
from storage.people import People, Person

__all__ = [
    "Database",
    "FileStore",
    "Job",
    "Jobs",
    "ObjectMissing",
    "ObjectStore",
    "People",
    "Person",
    "Sent",
    "Source",
    "State",
    "StorageError",
    "disposition",
    "input_key",
    "open_store",
    "result_keys",
]
