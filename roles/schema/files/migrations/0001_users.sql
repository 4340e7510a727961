CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    org_id uuid NOT NULL
);

-- One account an address, whatever the case of its letters.
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX users_org_id_idx ON users (org_id);

COMMENT ON TABLE users IS 'People who use the agents.';
COMMENT ON COLUMN users.id IS
    'DynamoDB: userId of sessions and of conversations holds this id as text. S3: objects of a user lie under {path}/user/.';
COMMENT ON COLUMN users.org_id IS 'The organisation, whose own data are kept elsewhere.';
