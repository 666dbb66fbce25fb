-- Who has written to a bot in private, and so can be written to.
CREATE TABLE correspondents (
    id TEXT PRIMARY KEY NOT NULL  -- platform:id
);

CREATE TABLE broadcasts (
    id TEXT PRIMARY KEY NOT NULL,
    author TEXT NOT NULL,
    content TEXT NOT NULL,  -- JSON of whoever sends it
    note TEXT NOT NULL DEFAULT '{}',  -- JSON of whoever sends it
    state TEXT NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'running', 'stopped')),
    created_at REAL NOT NULL
);

CREATE TABLE broadcast_receivers (
    broadcast TEXT NOT NULL REFERENCES broadcasts (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (
        state IN ('waiting', 'sending', 'sent', 'blocked', 'failed', 'unsure')
    ),
    PRIMARY KEY (broadcast, person)
);
CREATE INDEX broadcast_receivers_state ON broadcast_receivers (broadcast, state);
CREATE INDEX broadcast_receivers_person ON broadcast_receivers (person);
