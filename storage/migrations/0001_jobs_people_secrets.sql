CREATE TABLE jobs (
    id TEXT PRIMARY KEY NOT NULL,
    platform TEXT NOT NULL,
    chat TEXT NOT NULL,
    message TEXT NOT NULL,
    attachment TEXT NOT NULL,
    person TEXT NOT NULL,
    options TEXT NOT NULL,
    reply TEXT NOT NULL,
    language TEXT NOT NULL,
    state TEXT NOT NULL CHECK (
        state IN ('queued', 'running', 'rendered', 'delivered', 'failed', 'cancelled', 'expired')
    ),
    code TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    input_key TEXT NOT NULL,  -- empty once the photo is wiped
    results TEXT NOT NULL DEFAULT '[]',  -- JSON list of object keys
    found INTEGER NOT NULL DEFAULT 0,  -- faces in the photo
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,  -- of the last change of state; retention counts from it
    UNIQUE (platform, chat, message, attachment)
);
CREATE INDEX jobs_person ON jobs (person, created_at);
CREATE INDEX jobs_state ON jobs (state, updated_at);
CREATE INDEX jobs_input ON jobs (input_key);
-- Only what is still stored: a sweep looks at nothing else, however many rows there are.
CREATE INDEX jobs_with_input ON jobs (updated_at) WHERE input_key != '';
CREATE INDEX jobs_with_results ON jobs (updated_at) WHERE results != '[]';

CREATE TABLE people (
    id TEXT PRIMARY KEY NOT NULL,
    language TEXT,
    blocked INTEGER NOT NULL DEFAULT 0,
    settings TEXT NOT NULL DEFAULT '{}'
);

CREATE TABLE secrets (
    name TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
);
