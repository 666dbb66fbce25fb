-- What tells whether the same photos were painted before, in the same way: a keyed digest, empty where there is none.
ALTER TABLE jobs ADD COLUMN likeness TEXT NOT NULL DEFAULT '';
CREATE INDEX jobs_likeness ON jobs (likeness) WHERE likeness != '';
