CREATE TABLE workflows (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> ''),
    steps jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(steps) = 'array')
);

CREATE INDEX workflows_name_idx ON workflows (name);

COMMENT ON TABLE workflows IS 'Sequences of steps that agents carry out.';
COMMENT ON COLUMN workflows.steps IS 'The steps in their order.';
