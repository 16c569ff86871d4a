-- The tables of the fleet. The engine's schema `dbos` and the groups fleet_submit and fleet_worker
-- exist before. Only the functions of the next scripts write here.

create schema fleet;

create table fleet.version (
  number int primary key,
  name text not null,
  applied_at timestamptz not null default clock_timestamp()
);

create table fleet.hosts (
  host text primary key check (length(host) between 1 and 200),
  role name not null,
  session uuid,
  machine text not null default '',
  boot text not null default '',
  pid int,
  version text not null default '',
  slots int not null default 1,
  draining boolean not null default false,
  note text not null default '',
  started_at timestamptz,
  seen_at timestamptz
);

-- epoch, session, item: the last lease of the workspace. secret_hash: SHA-256 of the checkout's
-- secret, since the identity is public: results state it. Null: the checkout is lost, and the next one
-- that registers takes its place.
create table fleet.workspaces (
  workspace text primary key check (length(workspace) between 1 and 200),
  host text not null references fleet.hosts,
  root text not null,
  identity uuid not null,
  secret_hash bytea,
  labels text[] not null default '{}',
  epoch bigint not null default 0,
  session uuid,
  item text,
  held_at timestamptz,
  paused boolean not null default false,
  paused_until timestamptz check (paused_until between '1970-01-01Z' and '9999-01-01Z'),
  note text not null default ''
);
create index workspaces_host on fleet.workspaces (host);

-- A workspace may be forgotten while its ended items stay: no foreign key.
-- request is json, not jsonb: a task is kept word for word. Times are what every client can read.
create table fleet.items (
  item text primary key check (length(item) between 1 and 200 and item !~ '~'),
  workspace text,
  label text,
  request_hash text not null,
  request json not null check (json_typeof(request) = 'object'),
  priority int not null check (priority > 0),
  not_before timestamptz check (not_before between '1970-01-01Z' and '9999-01-01Z'),
  submitted_by text not null default session_user,
  submitted_at timestamptz not null default clock_timestamp(),
  dispatch int not null default 0,
  dispatched_at timestamptz,
  attempts int not null default 0,
  epoch bigint,
  claimed_at timestamptz,
  wish text check (wish = 'cancel'),
  wish_at timestamptz,
  wish_reason text,
  progress_stage text,
  progress_message text,
  progress_sequence bigint,
  progress_at timestamptz,
  ended_at timestamptz,
  outcome text,
  completed boolean,
  result jsonb,
  check (workspace is not null or label is not null),
  check ((ended_at is null) = (outcome is null) and (ended_at is null) = (completed is null))
);
create index items_open on fleet.items (workspace, submitted_at) where ended_at is null;
create index items_unbound on fleet.items (label, priority, submitted_at)
  where ended_at is null and workspace is null;
create index items_submitted on fleet.items (submitted_at);
create index items_open_ordered on fleet.items (priority, submitted_at) where ended_at is null;
create index items_ended on fleet.items (ended_at) where ended_at is not null;

create table fleet.refused (
  at timestamptz not null default clock_timestamp(),
  item text not null,
  epoch bigint not null,
  session uuid not null,
  by_role text not null default session_user,
  why text not null,
  result jsonb not null
);
create index refused_item on fleet.refused (item, at);
