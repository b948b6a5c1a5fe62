/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables, whole. Audit records can be appended and nothing else: the triggers hold whoever
 * else opens the database.
 */
#include "lib/store-own.h"

const char cnt_store_schema[] =
CNT_STORE_MARK " PRAGMA user_version = 2;"
"CREATE TABLE instance ("
"  one INTEGER PRIMARY KEY CHECK (one = 1),"
"  tag TEXT NOT NULL, id_base INTEGER NOT NULL, id_count INTEGER NOT NULL,"
"  subnet INTEGER NOT NULL, prefix INTEGER NOT NULL) STRICT;"
"CREATE TABLE image ("
"  id TEXT PRIMARY KEY CHECK (length(id) = 64),"
"  name TEXT NOT NULL,"			/* '': another image has taken it */
"  state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),"
"  bytes INTEGER NOT NULL, created_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
"CREATE UNIQUE INDEX image_name ON image (name) WHERE state = 'ready' AND name <> '';"
"CREATE TABLE box ("
"  slot INTEGER PRIMARY KEY CHECK (slot >= 0),"
"  name TEXT NOT NULL UNIQUE, owner TEXT NOT NULL,"
"  image TEXT NOT NULL REFERENCES image (id), image_name TEXT NOT NULL,"
"  state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'deleting')),"
"  memory INTEGER NOT NULL, swap INTEGER NOT NULL, pids INTEGER NOT NULL, cpu REAL NOT NULL,"
"  created_us INTEGER NOT NULL, " CNT_STORE_AUTOSTART ") STRICT;"
"CREATE INDEX box_image ON box (image);"
"CREATE INDEX box_unfinished ON box (state) WHERE state <> 'ready';"
"CREATE TABLE audit ("
"  seq INTEGER PRIMARY KEY CHECK (seq > 0), time_us INTEGER NOT NULL,"
"  kind INTEGER NOT NULL CHECK (kind IN (1, 2)), intent INTEGER NOT NULL,"
"  subject TEXT NOT NULL, via TEXT NOT NULL, verb TEXT NOT NULL, box TEXT NOT NULL,"
"  args TEXT NOT NULL, result TEXT NOT NULL, text TEXT NOT NULL,"
"  prev BLOB NOT NULL CHECK (length(prev) = 32),"
"  hash BLOB NOT NULL CHECK (length(hash) = 32)) STRICT;"
"CREATE TRIGGER audit_append BEFORE INSERT ON audit"
"  WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)"
"  BEGIN SELECT RAISE(ABORT, 'audit: records are appended in order'); END;"
"CREATE TRIGGER audit_update BEFORE UPDATE ON audit"
"  BEGIN SELECT RAISE(ABORT, 'audit: records are never changed'); END;"
"CREATE TRIGGER audit_delete BEFORE DELETE ON audit"
"  BEGIN SELECT RAISE(ABORT, 'audit: records are never removed'); END;"
"CREATE TABLE pending ("				/* intents without an outcome */
"  seq INTEGER PRIMARY KEY, pid INTEGER NOT NULL, start INTEGER NOT NULL) STRICT;";
