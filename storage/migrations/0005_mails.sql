-- E-mails that were promised. Each goes out once its job has ended, and goes with its job.
CREATE TABLE mails (
    job TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    address TEXT NOT NULL,  -- empty once the mail is sent or given up
    digest TEXT NOT NULL,  -- keyed, of the address: it counts, and finds jobs for erasure, without telling the address
    attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL,  -- unix seconds of the next attempt
    created_at REAL NOT NULL
);
CREATE INDEX mails_digest ON mails (digest, created_at);
-- Only what is still to be sent: whoever looks for work looks at nothing else.
CREATE INDEX mails_due ON mails (due) WHERE address != '';
