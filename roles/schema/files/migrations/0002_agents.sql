CREATE TABLE agents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> ''),
    type text NOT NULL CHECK (type <> ''),
    config jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object')
);

CREATE INDEX agents_type_idx ON agents (type);

COMMENT ON TABLE agents IS 'Agents, and how each is set up.';
COMMENT ON COLUMN agents.id IS 'DynamoDB: context.agentId of a conversation holds this id as text.';
