-- Everything that one authority keeps. Every table carries the issuer, by its small number.
-- Tables that are found by a key of their own are clustered by it (WITHOUT ROWID).

-- One row: what holds for the whole database. `last_batch` is the id of the newest committed batch:
-- one process writes, one batch at a time, so after a failed COMMIT it tells whether that happened.
CREATE TABLE whole (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    tick INTEGER NOT NULL,
    emptied_through INTEGER NOT NULL,
    last_batch BLOB NOT NULL
);
INSERT INTO whole VALUES (1, 0, -1, x'');

-- The head of each issuer's revocation sequence. All records above `kept_after` are kept;
-- `kept_chain` is the chain value there.
CREATE TABLE head (
    id INTEGER PRIMARY KEY,
    issuer TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    chain BLOB NOT NULL CHECK (length(chain) = 32),
    directory INTEGER NOT NULL,
    profiles INTEGER NOT NULL,
    kept_after INTEGER NOT NULL,
    kept_chain BLOB NOT NULL CHECK (length(kept_chain) = 32)
);

-- Revocation records as they travel (41 bytes), with the chain value after each.
CREATE TABLE record (
    issuer INTEGER NOT NULL REFERENCES head (id),
    seq INTEGER NOT NULL,
    body BLOB NOT NULL CHECK (length(body) = 41),
    chain BLOB NOT NULL CHECK (length(chain) = 32),
    expires INTEGER NOT NULL,
    PRIMARY KEY (issuer, seq)
) WITHOUT ROWID;
CREATE INDEX record_by_expiry ON record (expires);

-- What stored credentials and issuances are tested against: born before `before` is revoked.
CREATE TABLE floor (
    issuer INTEGER NOT NULL REFERENCES head (id),
    selector BLOB NOT NULL CHECK (length(selector) = 16),
    before INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (issuer, selector)
) WITHOUT ROWID;
CREATE INDEX floor_by_end ON floor (until);

-- Proofs used once. Unique by key whatever the bucket; purged by bucket.
CREATE TABLE replay_key (
    issuer INTEGER NOT NULL REFERENCES head (id),
    key BLOB NOT NULL,
    bucket INTEGER NOT NULL,
    PRIMARY KEY (issuer, key)
) WITHOUT ROWID;
CREATE INDEX replay_key_by_bucket ON replay_key (bucket);

-- Answers under an Idempotency-Key: the numbers as a JSON array.
CREATE TABLE idempotency_key (
    issuer INTEGER NOT NULL REFERENCES head (id),
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    request_digest BLOB NOT NULL,
    numbers TEXT NOT NULL,
    fresh INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (issuer, caller, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_key_by_end ON idempotency_key (until);

-- Opaque tokens, by the SHA-256 of their value. `selectors` is their concatenation.
CREATE TABLE reference_token (
    issuer INTEGER NOT NULL REFERENCES head (id),
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    claims BLOB NOT NULL,
    selectors BLOB NOT NULL,
    rsn INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (issuer, digest)
) WITHOUT ROWID;
CREATE INDEX reference_token_by_expiry ON reference_token (expires);

-- Entries as written, numbered per issuer from 1 in the order of their commits. Issuer and number
-- are one integer, issuer * 2^40 + number: the cheapest key to append by, and there is an entry for
-- every token. `leaf` is the entry's index in the Merkle tree once sealed.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    issuer INTEGER NOT NULL GENERATED ALWAYS AS (id >> 40) VIRTUAL,
    entry BLOB NOT NULL,
    leaf INTEGER NULL
);

-- The directory and the keys: each row a JSON document, whole.
CREATE TABLE client (
    issuer INTEGER NOT NULL REFERENCES head (id),
    id TEXT NOT NULL,
    origin TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (issuer, id)
) WITHOUT ROWID;
CREATE TABLE resource_server (
    issuer INTEGER NOT NULL REFERENCES head (id),
    name TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (issuer, name)
) WITHOUT ROWID;
CREATE TABLE operator (
    issuer INTEGER NOT NULL REFERENCES head (id),
    name TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (issuer, name)
) WITHOUT ROWID;
CREATE TABLE ceiling (
    issuer INTEGER NOT NULL REFERENCES head (id),
    resource_server TEXT NOT NULL,
    lifetime INTEGER NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (issuer, resource_server, lifetime)
) WITHOUT ROWID;
CREATE TABLE signing_key (
    issuer INTEGER NOT NULL REFERENCES head (id),
    kid TEXT NOT NULL,
    announced_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (issuer, kid)
) WITHOUT ROWID;
