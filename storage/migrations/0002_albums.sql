-- A job is made from one photo or from several: JSON lists where one key and one code were.
ALTER TABLE jobs RENAME COLUMN input_key TO inputs;
DROP INDEX jobs_with_input;
UPDATE jobs SET inputs = CASE inputs WHEN '' THEN '[]' ELSE json_array(inputs) END;
ALTER TABLE jobs ADD COLUMN missed TEXT NOT NULL DEFAULT '[""]';  -- by photo: why it has no picture
CREATE INDEX jobs_with_inputs ON jobs (updated_at) WHERE inputs != '[]';
