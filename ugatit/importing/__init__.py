"""Published checkpoints into native weights files: tensor by tensor, executing nothing that is in them.

`import_checkpoint` is the way in; every release has a file that says where its tensors are and how they lie.
"""

from ugatit.importing.importer import Imported, import_checkpoint

__all__ = ["Imported", "import_checkpoint"]
