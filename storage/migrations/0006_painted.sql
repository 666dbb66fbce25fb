-- How many pictures were ever painted: jobs and their pictures are wiped in time, the number of them stays. A result is a
-- picture and the part of the photo beside it, so two keys. A picture given out again for the same photo counts again.
CREATE TABLE painted (pictures INTEGER NOT NULL);
-- Of earlier jobs whose pictures are wiped by now, one each is certain.
INSERT INTO painted SELECT coalesce(sum(max(json_array_length(results) / 2, 1)), 0)
    FROM jobs WHERE state IN ('rendered', 'delivered');
CREATE TRIGGER jobs_painted AFTER UPDATE OF state ON jobs WHEN NEW.state = 'rendered' AND OLD.state != 'rendered' BEGIN
    UPDATE painted SET pictures = pictures + json_array_length(NEW.results) / 2;
END;
