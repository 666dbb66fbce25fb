-- What a platform was told is taken and will not send again, until it is dealt with.
CREATE TABLE arrivals (
    platform TEXT NOT NULL,
    number INTEGER NOT NULL,  -- the platform's own, rising
    person TEXT NOT NULL,  -- platform:id
    body TEXT NOT NULL,  -- JSON of the platform
    created_at REAL NOT NULL,
    PRIMARY KEY (platform, number)
);
CREATE INDEX arrivals_by_person ON arrivals (person);
