-- How items reach the engine. Internal: no role may call these functions.

-- The engine's id of an item's present dispatch.
create function fleet.dispatch_id(p_item text, p_dispatch int) returns text
language sql immutable as $$ select p_item || '~' || p_dispatch $$;

-- The name of a host's queue in the engine.
create function fleet.queue_of(p_host text) returns text
language sql immutable as $$ select 'host:' || p_host $$;

-- When a host whose session was last seen before has fallen silent. Not a parameter: callers are
-- hosts, which must not decide this about each other.
create function fleet.away_before() returns timestamptz
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select clock_timestamp() - interval '15 s'
$$;

create function fleet.epoch_ms(p_at timestamptz) returns bigint
language sql stable as $$ select (extract(epoch from p_at) * 1000)::bigint $$;

-- Until when an item may not start, in the engine's milliseconds; null: it may start now.
create function fleet.held_until(w fleet.workspaces, p_not_before timestamptz) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select nullif(greatest(
    case when p_not_before > clock_timestamp() then fleet.epoch_ms(p_not_before) else 0 end,
    case when w.paused and coalesce(w.paused_until, 'infinity') > clock_timestamp()
      then coalesce(fleet.epoch_ms(w.paused_until), 253402300799000) else 0 end), 0)
$$;

-- Put an item into the queue of its workspace's host, as a new row of the engine: rows of the
-- engine are never revived. An item that a host took before is not overtaken.
create function fleet.dispatch(p_item text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  i fleet.items;
  w fleet.workspaces;
begin
  update fleet.items set dispatch = dispatch + 1, dispatched_at = clock_timestamp()
    where item = p_item returning * into strict i;
  select * into strict w from fleet.workspaces where workspace = i.workspace;
  perform dbos.enqueue_workflow(
    'millracer.item', fleet.queue_of(w.host),
    array[to_json(i.item), to_json(i.workspace)], '{}'::json,
    workflow_id => fleet.dispatch_id(i.item, i.dispatch), app_version => 'fleet',
    priority => case when i.attempts > 0 then 0 else i.priority end,
    queue_partition_key => i.workspace,
    delay_until_epoch_ms => fleet.held_until(w, i.not_before), application_name => 'millracer');
end $$;

-- End a dispatch in the engine, as the engine's own cancel does. A claimed one is ended only if its
-- lease is void: the engine starts the next item of the workspace at once.
create function fleet.withdraw(p_item text, p_dispatch int, p_claimed boolean) returns void
language sql set search_path = pg_catalog, pg_temp as $$
  update dbos.workflow_status
    set status = 'CANCELLED', owner_xid = null, queue_name = null, deduplication_id = null,
      started_at_epoch_ms = null, updated_at = fleet.epoch_ms(clock_timestamp()),
      completed_at = fleet.epoch_ms(clock_timestamp())
    where workflow_uuid = fleet.dispatch_id(p_item, p_dispatch)
      and (status in ('ENQUEUED', 'DELAYED') or p_claimed and status = 'PENDING')
$$;

-- Whether the caller may change a host: the host itself, or an owner of the fleet.
create function fleet.may_operate(p_host text) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select pg_has_role(session_user, (select nspowner from pg_namespace where nspname = 'fleet'), 'MEMBER')
    or exists (select 1 from fleet.hosts where host = p_host and role = session_user)
$$;

create function fleet.require_operator(p_host text) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if not coalesce(fleet.may_operate(p_host), false) then
    raise insufficient_privilege using message =
      format('role %s may not change host %s', session_user, coalesce(p_host, '(none)'));
  end if;
end $$;
