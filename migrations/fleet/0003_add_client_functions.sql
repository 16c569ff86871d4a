-- What clients call. Verdicts are words; millracer/domain/fleet/items.py explains each.

-- Store and dispatch an item, once for each key. With a label, a host binds it later.
create function fleet.submit(
  p_item text, p_workspace text, p_label text, p_hash text, p_request json, p_priority int,
  p_not_before timestamptz
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  i fleet.items;
begin
  -- A row lock on the workspace: it is neither forgotten nor paused until this item is visible.
  if p_label is null then
    perform from fleet.workspaces where workspace = p_workspace for share;
    if not found and not exists (select from fleet.items where item = p_item) then
      return 'workspace_unknown';
    end if;
  elsif not exists (select from fleet.workspaces where p_label = any (labels))
      and not exists (select from fleet.items where item = p_item) then
    return 'label_unknown';
  end if;
  insert into fleet.items (item, workspace, label, request_hash, request, priority, not_before)
    values (p_item, case when p_label is null then p_workspace end, p_label, p_hash, p_request,
      p_priority, p_not_before)
    on conflict (item) do nothing;
  if found then
    if p_label is null then
      perform fleet.dispatch(p_item);
    end if;
    return 'new';
  end if;
  select * into i from fleet.items where item = p_item;
  if i.request_hash = p_hash and i.label is not distinct from p_label
      and (p_label is not null or i.workspace = p_workspace) then
    return 'known';
  end if;
  return 'conflict';
end $$;

-- End an item that no host took; otherwise note the wish, which its host follows.
create function fleet.cancel(p_item text, p_reason text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  i fleet.items;
  s text;
begin
  select * into i from fleet.items where item = p_item for update;
  if not found then
    return 'unknown';
  elsif i.ended_at is not null then
    return 'ended';
  end if;
  update fleet.items set wish = 'cancel', wish_at = coalesce(wish_at, clock_timestamp()),
    wish_reason = coalesce(wish_reason, p_reason) where item = p_item;
  if i.attempts = 0 then
    -- A worker that has just claimed it finds it ended as it takes it.
    update fleet.items set ended_at = clock_timestamp(), outcome = 'cancelled', completed = false
      where item = p_item;
    perform fleet.withdraw(p_item, i.dispatch, false);
    return 'cancelled';
  end if;
  -- Millrace may hold the item: its host must take it again, even if it was set aside or delayed.
  select status into s from dbos.workflow_status
    where workflow_uuid = fleet.dispatch_id(p_item, i.dispatch);
  if s = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED' then
    perform fleet.dispatch(p_item);
  end if;
  update dbos.workflow_status set status = 'ENQUEUED', delay_until_epoch_ms = null
    where workflow_uuid = (
      select fleet.dispatch_id(item, dispatch) from fleet.items where item = p_item)
      and status = 'DELAYED';
  return 'requested';
end $$;

-- Dispatch an item again that the engine set aside.
create function fleet.retry(p_item text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  i fleet.items;
begin
  select * into i from fleet.items where item = p_item for update;
  if not found then
    return false;
  end if;
  perform fleet.require_operator((select host from fleet.workspaces where workspace = i.workspace));
  if i.ended_at is not null or not exists (
      select from dbos.workflow_status where workflow_uuid = fleet.dispatch_id(p_item, i.dispatch)
        and status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED') then
    return false;
  end if;
  perform fleet.dispatch(p_item);
  return true;
end $$;

-- Let a host start nothing new, or end that. The engine reads the concurrency at each poll; the
-- worker registers its queue with no slots while its host drains.
create function fleet.drain(p_host text, p_draining boolean, p_note text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  h fleet.hosts;
begin
  select * into h from fleet.hosts where host = p_host for update;
  if not found then
    return false;
  end if;
  perform fleet.require_operator(p_host);
  update fleet.hosts set draining = p_draining, note = p_note where host = p_host;
  update dbos.queues set worker_concurrency = case when p_draining then 0 else h.slots end
    where name = fleet.queue_of(p_host);
  return true;
end $$;

-- Let no item start in a workspace, or end that.
create function fleet.pause(p_workspace text, p_paused boolean, p_note text, p_until timestamptz)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  w fleet.workspaces;
begin
  select * into w from fleet.workspaces where workspace = p_workspace for update;
  if not found then
    return false;
  end if;
  perform fleet.require_operator(w.host);
  update fleet.workspaces set paused = p_paused, note = p_note,
    paused_until = case when p_paused then p_until end
    where workspace = p_workspace returning * into w;
  update dbos.workflow_status s
    set status = case when held.until is null then 'ENQUEUED' else 'DELAYED' end,
      delay_until_epoch_ms = held.until
    from fleet.items i, lateral (select fleet.held_until(w, i.not_before) as until) held
    where i.workspace = p_workspace and i.ended_at is null
      and s.workflow_uuid = fleet.dispatch_id(i.item, i.dispatch)
      and s.status in ('ENQUEUED', 'DELAYED');
  return true;
end $$;

-- Remove a workspace without open items.
create function fleet.forget_workspace(p_workspace text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  w fleet.workspaces;
begin
  select * into w from fleet.workspaces where workspace = p_workspace for update;
  if not found then
    return false;
  end if;
  perform fleet.require_operator(w.host);
  if exists (select from fleet.items where workspace = p_workspace and ended_at is null) then
    return false;
  end if;
  delete from fleet.workspaces where workspace = p_workspace;
  return true;
end $$;

-- Give up the checkout of a workspace, which is lost: the next one that registers the id takes its
-- place with all open items. Not while its host has a session.
create function fleet.release_workspace(p_workspace text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  w fleet.workspaces;
begin
  select * into w from fleet.workspaces where workspace = p_workspace for update;
  if not found then
    return false;
  end if;
  perform fleet.require_operator(w.host);
  if exists (select from fleet.hosts where host = w.host and session is not null
      and seen_at >= fleet.away_before()) then
    return false;
  end if;
  update fleet.workspaces set secret_hash = null, epoch = epoch + 1, session = null, item = null
    where workspace = p_workspace;
  return true;
end $$;

-- Delete ended items with their dispatches and refused results, refused results of items that do not
-- exist, and the engine's rows of ended ticks.
create function fleet.prune(p_older interval) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  before timestamptz := clock_timestamp() - p_older;
  gone bigint;
begin
  perform fleet.require_operator(null);
  -- The engine's own sweep deletes what belongs to a deleted row.
  delete from dbos.workflow_status s
    using fleet.items i, lateral generate_series(1, i.dispatch) d
    where i.ended_at < before and s.workflow_uuid = fleet.dispatch_id(i.item, d);
  delete from dbos.workflow_status
    where name = 'millracer.tick' and status not in ('ENQUEUED', 'DELAYED', 'PENDING')
      and created_at < fleet.epoch_ms(before);
  delete from fleet.refused r using fleet.items i where i.ended_at < before and r.item = i.item;
  delete from fleet.refused r where r.at < before
    and not exists (select from fleet.items i where i.item = r.item);
  delete from fleet.items where ended_at < before;
  get diagnostics gone = row_count;
  return gone;
end $$;

-- After the database was restored from a backup: no lease of before counts any more, and every
-- open item is dispatched again. Returns the number of those.
create function fleet.after_restore() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  r record;
  n bigint := 0;
begin
  perform fleet.require_operator(null);
  update fleet.workspaces set epoch = epoch + 1000000, session = null, item = null;
  update fleet.hosts set session = null;
  for r in select item, dispatch from fleet.items
      where ended_at is null and workspace is not null order by submitted_at for update loop
    perform fleet.withdraw(r.item, r.dispatch, true);
    perform fleet.dispatch(r.item);
    n := n + 1;
  end loop;
  return n;
end $$;
