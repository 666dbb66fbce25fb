-- What a platform was told is taken and will not send again, until it is dealt with.
CREATE TABLE arrivals (
    platform TEXT NOT NULL,
    number INTEGER NOT NULL,  -- the platform's own, rising
    body TEXT NOT NULL,  -- JSON of the platform
    PRIMARY KEY (platform, number)
);
