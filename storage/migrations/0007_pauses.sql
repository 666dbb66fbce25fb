-- Until when nothing is taken from a person who was refused again and again; unix seconds, 0 for never.
ALTER TABLE people ADD COLUMN paused_until REAL NOT NULL DEFAULT 0;
