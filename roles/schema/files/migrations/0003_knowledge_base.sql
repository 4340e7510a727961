CREATE TABLE knowledge_base (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name <> ''),
    -- S3 takes keys of 1 to 1024 bytes.
    storage_key text NOT NULL UNIQUE CHECK (octet_length(storage_key) BETWEEN 1 AND 1024),
    chunk_count integer NOT NULL DEFAULT 0 CHECK (chunk_count >= 0)
);

CREATE INDEX knowledge_base_name_idx ON knowledge_base (name);

COMMENT ON TABLE knowledge_base IS 'Documents that agents know; the diagrams also call it knowledge.';
COMMENT ON COLUMN knowledge_base.storage_key IS
    'S3: the key of the original document in the bucket knowledge-documents; its chunks are in document-chunks.';
COMMENT ON COLUMN knowledge_base.chunk_count IS 'How many chunks the document was cut into; 0 until that is done.';
