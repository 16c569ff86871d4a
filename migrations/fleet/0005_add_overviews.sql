-- What clients read: facts. millracer/domain/fleet/waiting.py derives state and reason from them.

create view fleet.overview as
with busy as (
  -- What each host runs, as the engine sees it.
  select distinct on (queue_name, queue_partition_key)
    queue_name, queue_partition_key as workspace, split_part(workflow_uuid, '~', 1) as item
  from dbos.workflow_status
  where status = 'PENDING' and queue_name like 'host:%' and queue_partition_key is not null
  order by queue_name, queue_partition_key, started_at_epoch_ms
), loads as (
  select queue_name, count(*) as in_use from dbos.workflow_status
  where status = 'PENDING' and queue_name like 'host:%' group by queue_name
), heads as (
  -- What each workspace starts next.
  select w.workspace, split_part(s.workflow_uuid, '~', 1) as item
  from fleet.workspaces w cross join lateral (
    select workflow_uuid from dbos.workflow_status
    where queue_name = fleet.queue_of(w.host) and status = 'ENQUEUED'
      and queue_partition_key = w.workspace
    order by priority, created_at limit 1) s
), limits as (
  select q.name, q.rate_limit_max as most, (
    select count(*) from dbos.workflow_status s
    where s.queue_name = q.name and s.rate_limited and s.status not in ('ENQUEUED', 'DELAYED')
      and s.started_at_epoch_ms
        > fleet.epoch_ms(statement_timestamp()) - (q.rate_limit_period_sec * 1000)::bigint) as started
  from dbos.queues q where q.rate_limit_max is not null
)
select i.item, i.workspace, i.label, i.priority, i.not_before, i.submitted_by, i.submitted_at,
  i.dispatch, i.attempts, i.epoch, i.claimed_at, i.wish_at, i.wish_reason, i.progress_stage,
  i.progress_message, i.progress_sequence, i.progress_at, i.ended_at, i.outcome, i.completed,
  i.request, i.result, w.host, h.seen_at as host_seen_at, h.session is not null as host_has_session,
  coalesce(h.draining, false) as draining, coalesce(h.note, '') as drain_note, h.slots,
  coalesce(l.in_use, 0) as in_use, m.most as limit_most, coalesce(m.started, 0) as limit_started,
  s.status as dispatch_status,
  coalesce(w.paused and coalesce(w.paused_until, 'infinity') > statement_timestamp(), false) as paused,
  coalesce(w.note, '') as pause_note,
  coalesce(w.item = i.item and w.epoch = i.epoch and w.session = h.session, false)
    as lease_is_live,
  nullif(b.item, i.item) as occupied_by, nullif(n.item, i.item) as ahead,
  statement_timestamp() as now
from fleet.items i
  left join fleet.workspaces w on w.workspace = i.workspace
  left join fleet.hosts h on h.host = w.host
  left join dbos.workflow_status s
    on i.ended_at is null and s.workflow_uuid = fleet.dispatch_id(i.item, i.dispatch)
  left join busy b on b.queue_name = fleet.queue_of(w.host) and b.workspace = i.workspace
  left join loads l on l.queue_name = fleet.queue_of(w.host)
  left join heads n on n.workspace = i.workspace
  left join limits m on m.name = fleet.queue_of(w.host);

-- The same for one item: the plan is kept, since planning takes longer than reading.
create function fleet.overview_of(p_item text) returns setof fleet.overview
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return query select * from fleet.overview where item = p_item;
end $$;

-- What a list is chosen by, before the overview of the chosen items is read.
create view fleet.item_index as
select i.item, i.workspace, w.host, i.priority, i.submitted_at, i.ended_at,
  s.status as dispatch_status
from fleet.items i
  left join fleet.workspaces w on w.workspace = i.workspace
  left join dbos.workflow_status s on s.workflow_uuid = fleet.dispatch_id(i.item, i.dispatch);

create view fleet.host_overview as
select h.host, h.role::text as role, h.version, h.slots, h.draining, h.note, h.started_at,
  h.seen_at, h.session is not null as has_session, statement_timestamp() as now,
  array(select split_part(s.workflow_uuid, '~', 1) from dbos.workflow_status s
    where s.queue_name = fleet.queue_of(h.host) and s.status = 'PENDING'
    order by s.started_at_epoch_ms) as running,
  coalesce(e.items, 0) + coalesce(d.items, 0) as queued
from fleet.hosts h
  -- One status each: the engine has an index for it.
  left join (select queue_name, count(*) as items from dbos.workflow_status
    where status = 'ENQUEUED' group by queue_name) e on e.queue_name = fleet.queue_of(h.host)
  left join (select queue_name, count(*) as items from dbos.workflow_status
    where status = 'DELAYED' group by queue_name) d on d.queue_name = fleet.queue_of(h.host);

create view fleet.workspace_overview as
select w.workspace, w.host, w.root, w.identity::text as identity, w.labels, w.epoch, w.note,
  w.paused and coalesce(w.paused_until, 'infinity') > statement_timestamp() as paused,
  w.paused_until, r.item as running,
  coalesce(o.items, 0) - (r.item is not null)::int as queued
from fleet.workspaces w
  left join fleet.items r on r.item = w.item and r.epoch = w.epoch and r.ended_at is null
  left join (select workspace, count(*) as items from fleet.items
    where ended_at is null group by workspace) o on o.workspace = w.workspace;

create view fleet.schedule_overview as
select schedule_name, schedule, cron_timezone, status, context, last_fired_at
from dbos.workflow_schedules where workflow_name = 'millracer.tick';
