"""How often the messages that say where jobs stand are edited: so seldom that there is room for the answers."""

from collections import Counter

EDIT_EVERY = 2.0  # seconds between two edits of one message
GROUP_EDIT_EVERY = 10.0  # the same in a group
GROUP_SHARE = 6.0  # seconds between two edits of any in a group, which takes 20 calls a minute: half are for answers
EDITS_A_SECOND = 10.0  # of all together, out of the 30 calls a second that a bot has


class Pace:
    """Knows how many such messages there are, and in which chats."""

    def __init__(self) -> None:
        self._chats: dict[str, int] = {}
        self._in_chat: Counter[int] = Counter()

    def join(self, job_id: str, chat_id: int) -> None:
        """This job has one, too."""
        self.leave(job_id)
        self._chats[job_id] = chat_id
        self._in_chat[chat_id] += 1

    def leave(self, job_id: str) -> None:
        """It is edited no more."""
        chat_id = self._chats.pop(job_id, None)
        if chat_id is not None:
            self._in_chat[chat_id] -= 1
            if not self._in_chat[chat_id]:
                del self._in_chat[chat_id]

    def seconds(self, chat_id: int) -> float:
        """Least time between two edits of one message in that chat, as things are now."""
        least = max(GROUP_EDIT_EVERY, GROUP_SHARE * self._in_chat[chat_id]) if chat_id < 0 else EDIT_EVERY
        return max(least, len(self._chats) / EDITS_A_SECOND)
