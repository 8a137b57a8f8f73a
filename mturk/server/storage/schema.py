"""The tables and indices of the server's database as they are now; `migrations` brings older files to it."""

VERSION = 7

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE hit_types (
  hit_type_id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, title TEXT NOT NULL, description TEXT NOT NULL,
  keywords TEXT, reward TEXT NOT NULL, duration_s INTEGER NOT NULL, auto_approval_s INTEGER NOT NULL,
  requirements TEXT NOT NULL, notification TEXT, created REAL NOT NULL);
CREATE TABLE hits (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, hit_id TEXT NOT NULL UNIQUE,
  hit_type_id TEXT NOT NULL REFERENCES hit_types, annotation TEXT NOT NULL,
  study TEXT, batch TEXT, name TEXT, max_assignments INTEGER NOT NULL, first_max INTEGER NOT NULL,
  created REAL NOT NULL, expires REAL NOT NULL, expiry_logged INTEGER NOT NULL DEFAULT 0,
  reviewing INTEGER NOT NULL DEFAULT 0, disposed REAL, pending INTEGER NOT NULL DEFAULT 0,
  submitted INTEGER NOT NULL DEFAULT 0, approved INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL
  DEFAULT 0, returned INTEGER NOT NULL DEFAULT 0, abandoned INTEGER NOT NULL DEFAULT 0,
  bonus_cents INTEGER NOT NULL DEFAULT 0, page_needs TEXT,
  CHECK (pending >= 0 AND submitted >= 0 AND approved >= 0 AND rejected >= 0), CHECK (pending +
  submitted + approved + rejected <= max_assignments));
CREATE TABLE questions (seq INTEGER PRIMARY KEY REFERENCES hits (seq), question TEXT NOT NULL);
CREATE INDEX hits_by_name ON hits (study, batch, name);
CREATE INDEX hits_by_study ON hits (study, seq) WHERE disposed IS NULL;
CREATE INDEX hits_by_group ON hits (hit_type_id, study, batch, seq) WHERE disposed IS NULL
  AND expiry_logged = 0 AND pending + submitted + approved + rejected < max_assignments;
CREATE INDEX hits_to_offer ON hits (study, (pending + submitted + approved + rejected), seq)
  WHERE disposed IS NULL AND expiry_logged = 0
  AND pending + submitted + approved + rejected < max_assignments;
CREATE INDEX hits_by_type ON hits (hit_type_id);
CREATE INDEX hits_to_expire ON hits (expires) WHERE expiry_logged = 0;
CREATE INDEX hits_to_dispose ON hits (expires) WHERE disposed IS NULL;
CREATE TABLE tallies (
  study TEXT NOT NULL, batch TEXT NOT NULL, hit_type_id TEXT NOT NULL, disposed INTEGER NOT NULL,
  created REAL NOT NULL, newest INTEGER NOT NULL, hits INTEGER NOT NULL, max_assignments INTEGER NOT NULL,
  pending INTEGER NOT NULL, submitted INTEGER NOT NULL, approved INTEGER NOT NULL, rejected INTEGER NOT
  NULL, returned INTEGER NOT NULL, abandoned INTEGER NOT NULL, bonus_cents INTEGER NOT NULL,
  PRIMARY KEY (study, batch, hit_type_id, disposed)) WITHOUT ROWID;
CREATE TABLE assignments (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, assignment_id TEXT NOT NULL UNIQUE,
  hit_id TEXT NOT NULL REFERENCES hits (hit_id), worker_id TEXT NOT NULL, status TEXT NOT NULL,
  accepted REAL NOT NULL, deadline REAL NOT NULL, submitted REAL, auto_approval REAL, approved REAL,
  rejected REAL, ended REAL, submit_order INTEGER, answer TEXT, feedback TEXT, progress TEXT, arrival
  INTEGER);
CREATE UNIQUE INDEX one_each ON assignments (hit_id, worker_id) WHERE status NOT IN ('Returned', 'Abandoned');
CREATE UNIQUE INDEX by_submission ON assignments (hit_id, submit_order) WHERE submit_order IS NOT NULL;
CREATE INDEX by_worker ON assignments (worker_id, seq);
CREATE INDEX to_abandon ON assignments (deadline) WHERE status = 'Accepted';
CREATE INDEX to_approve ON assignments (auto_approval) WHERE status = 'Submitted';
CREATE INDEX in_order ON assignments (submit_order) WHERE submit_order IS NOT NULL;
CREATE TABLE workers (
  worker_id TEXT PRIMARY KEY, panel TEXT NOT NULL, name TEXT NOT NULL, created REAL NOT NULL,
  approved INTEGER NOT NULL DEFAULT 0, rejected INTEGER NOT NULL DEFAULT 0, locale TEXT,
  UNIQUE (panel, name));
CREATE TABLE arrivals (
  id INTEGER PRIMARY KEY AUTOINCREMENT, worker_id TEXT NOT NULL, study TEXT NOT NULL, panel TEXT NOT NULL,
  parameters TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE qualification_types (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, qualification_type_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  description TEXT NOT NULL, keywords TEXT, status TEXT NOT NULL, retry_delay_s INTEGER,
  auto_granted INTEGER NOT NULL, auto_value INTEGER, once INTEGER NOT NULL, created REAL NOT NULL, deleted
  REAL);
CREATE UNIQUE INDEX one_name ON qualification_types (name) WHERE deleted IS NULL;
CREATE TABLE qualifications (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, qualification_type_id TEXT NOT NULL, worker_id TEXT NOT NULL,
  status TEXT NOT NULL, value INTEGER NOT NULL, granted REAL NOT NULL, assignment_id TEXT, reason TEXT,
  UNIQUE (qualification_type_id, worker_id));
CREATE TABLE qualification_requests (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE, qualification_type_id TEXT NOT NULL,
  worker_id TEXT NOT NULL, status TEXT NOT NULL, at REAL NOT NULL, reason TEXT);
CREATE UNIQUE INDEX one_request ON qualification_requests (qualification_type_id, worker_id)
  WHERE status = 'Pending';
CREATE TABLE qualification_tests (
  qualification_type_id TEXT PRIMARY KEY, test TEXT NOT NULL, answer_key TEXT, duration_s INTEGER NOT NULL)
  WITHOUT ROWID;
CREATE TABLE test_attempts (
  qualification_type_id TEXT NOT NULL, worker_id TEXT NOT NULL, started REAL NOT NULL, answer TEXT,
  PRIMARY KEY (qualification_type_id, worker_id)) WITHOUT ROWID;
CREATE TABLE bonuses (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, worker_id TEXT NOT NULL, assignment_id TEXT NOT NULL,
  hit_id TEXT NOT NULL, amount TEXT NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX bonuses_by_hit ON bonuses (hit_id, seq);
CREATE INDEX bonuses_by_assignment ON bonuses (assignment_id, seq);
CREATE TABLE blocks (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, worker_id TEXT NOT NULL UNIQUE, reason TEXT NOT NULL, at REAL NOT
  NULL);
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, worker_id TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
  at REAL NOT NULL);
CREATE INDEX messages_by_worker ON messages (worker_id);
CREATE TABLE tokens (
  operation TEXT NOT NULL, token TEXT NOT NULL, at REAL NOT NULL, result TEXT NOT NULL,
  PRIMARY KEY (operation, token)) WITHOUT ROWID;
CREATE TABLE ended_sessions (nonce TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE study_settings (study TEXT PRIMARY KEY, settings TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE allocations (study TEXT PRIMARY KEY, pool TEXT NOT NULL, epoch INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE draws (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, assignment_id TEXT NOT NULL UNIQUE, study TEXT NOT NULL,
  number INTEGER NOT NULL, pairs TEXT NOT NULL, trials TEXT NOT NULL, outcome TEXT, settled INTEGER);
CREATE INDEX draws_of_study ON draws (study, seq);
CREATE INDEX draws_settled ON draws (study, settled) WHERE settled IS NOT NULL;
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, hit_id TEXT, assignment_id TEXT,
  worker_id TEXT, detail TEXT);
CREATE INDEX events_by_hit ON events (hit_id, id);
CREATE INDEX events_of_assignments ON events (id) WHERE assignment_id IS NOT NULL;
"""
