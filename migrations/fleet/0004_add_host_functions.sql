-- What the worker of a host calls, under the host's own login role.

-- The host of a session, if the caller's role holds it.
create function fleet.host_of(p_session uuid) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select host from fleet.hosts where session = p_session and role = session_user
$$;

-- Make a session the holder of the host's name. Draining stays as it is.
create function fleet.open(
  p_host text, p_session uuid, p_machine text, p_boot text, p_pid int, p_version text,
  p_slots int, p_holder_is_dead boolean, p_take_over boolean
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  h fleet.hosts;
begin
  insert into fleet.hosts (host, role) values (p_host, session_user) on conflict do nothing;
  select * into h from fleet.hosts where host = p_host for update;
  if h.role <> session_user then
    return 'other_role';
  end if;
  if h.session is not null and h.session <> p_session then
    if h.seen_at < fleet.away_before() then
      if h.machine <> p_machine and not p_take_over then
        return 'other_machine';
      end if;
    elsif not (p_holder_is_dead and h.machine = p_machine and h.boot = p_boot) then
      return 'held';
    end if;
  end if;
  update fleet.hosts set session = p_session, machine = p_machine, boot = p_boot, pid = p_pid,
    version = p_version, slots = p_slots, started_at = clock_timestamp(),
    seen_at = clock_timestamp() where host = p_host;
  return 'open';
end $$;

-- Announce a workspace. A moved checkout keeps its identity and its secret: it leaves a host that is
-- away. One that was given up is replaced by the next.
create function fleet.register(
  p_session uuid, p_workspace text, p_root text, p_identity uuid, p_secret text, p_labels text[]
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine text := fleet.host_of(p_session);
  hash bytea := sha256(convert_to(p_secret, 'UTF8'));
  w fleet.workspaces;
  former fleet.hosts;
  replaces boolean;
  r record;
begin
  if mine is null then
    return 'superseded';
  end if;
  insert into fleet.workspaces (workspace, host, root, identity, secret_hash, labels)
    values (p_workspace, mine, p_root, p_identity, hash, p_labels) on conflict do nothing;
  if found then
    return 'registered';
  end if;
  select * into w from fleet.workspaces where workspace = p_workspace for update;
  replaces := w.secret_hash is null or w.host <> mine;
  if w.secret_hash is null then
    null;
  elsif w.host <> mine then
    select * into former from fleet.hosts where host = w.host;
    if w.identity <> p_identity or w.secret_hash <> hash
        or former.session is not null and former.seen_at >= fleet.away_before() then
      return 'other_host';
    end if;
  elsif w.identity <> p_identity then
    return 'other_checkout';
  end if;
  update fleet.workspaces set host = mine, root = p_root, identity = p_identity, secret_hash = hash,
    labels = p_labels where workspace = p_workspace;
  if replaces then
    update fleet.workspaces set epoch = epoch + 1, session = null, item = null
      where workspace = p_workspace;
    for r in select item, dispatch from fleet.items
        where workspace = p_workspace and ended_at is null order by submitted_at for update loop
      -- What the former host claimed is refused there from now on.
      perform fleet.withdraw(r.item, r.dispatch, true);
      perform fleet.dispatch(r.item);
    end loop;
  end if;
  return 'registered';
end $$;

-- Begin the next lease of the item's workspace. The engine compares the earliest start of any host's
-- item with the clock of the host that polls: one fast clock would start what waits everywhere.
create function fleet.take(
  p_session uuid, p_item text, p_identity uuid,
  out verdict text, out workspace text, out host text, out epoch bigint, out attempts int,
  out dispatch int, out request json, out claimed_at timestamptz, out wish text
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  i fleet.items;
  e bigint;
begin
  select * into i from fleet.items x where x.item = p_item for update;
  if not found or i.ended_at is not null then
    verdict := 'ended';
    return;
  end if;
  -- Clocks that differ by less start an item a little early.
  if i.attempts = 0 and exists (
      select from fleet.workspaces w where w.workspace = i.workspace
        and fleet.held_until(w, i.not_before)
          > fleet.epoch_ms(clock_timestamp() + interval '5 s')) then
    verdict := 'held';
    return;
  end if;
  update fleet.workspaces w
    set epoch = w.epoch + 1, session = p_session, item = p_item, held_at = clock_timestamp()
    where w.workspace = i.workspace and w.host = fleet.host_of(p_session)
      and w.identity = p_identity
    returning w.epoch, w.host into e, host;
  if e is null then
    verdict := 'superseded';
    return;
  end if;
  update fleet.items x set epoch = e, attempts = x.attempts + 1, claimed_at = clock_timestamp()
    where x.item = p_item returning * into i;
  update dbos.workflow_status s set priority = 0
    where s.workflow_uuid = fleet.dispatch_id(p_item, i.dispatch);
  verdict := 'taken';
  workspace := i.workspace;
  epoch := e;
  attempts := i.attempts;
  dispatch := i.dispatch;
  request := i.request;
  claimed_at := i.claimed_at;
  wish := i.wish;
end $$;

-- Why a lease is not the present one of its item and workspace; null: it is.
create function fleet.lease_fault(
  i fleet.items, p_session uuid, p_epoch bigint, p_identity uuid
) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  w fleet.workspaces;
begin
  if i.item is null then
    return 'unknown_item';
  end if;
  select * into w from fleet.workspaces where workspace = i.workspace;
  return case
    when fleet.host_of(p_session) is null then 'session_superseded'
    when w.host is distinct from fleet.host_of(p_session) then 'other_host'
    when w.identity is distinct from p_identity then 'other_checkout'
    when i.ended_at is not null then 'item_ended'
    when i.epoch is distinct from p_epoch or w.epoch is distinct from p_epoch
      or w.session is distinct from p_session then 'lease_superseded'
  end;
end $$;

-- End an item with its result; a result that the fence refuses is kept. The result must carry the
-- lease itself, so that no certificate of another lease can be delivered.
create function fleet.deliver(
  p_session uuid, p_item text, p_epoch bigint, p_identity uuid, p_result jsonb
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  i fleet.items;
  fault text;
begin
  select * into i from fleet.items where item = p_item for update;
  if i.ended_at is not null and i.epoch = p_epoch and i.result = p_result
      and fleet.host_of(p_session) is not null then
    return null;  -- the same delivery again, after its answer was lost
  end if;
  fault := fleet.lease_fault(i, p_session, p_epoch, p_identity);
  if fault is null and (p_result #>> '{fleet,epoch}' is distinct from p_epoch::text
      or p_result #>> '{fleet,identity}' is distinct from p_identity::text
      or p_result #>> '{fleet,item}' is distinct from p_item) then
    fault := 'lease_not_in_result';
  end if;
  if fault is null then
    update fleet.items set ended_at = clock_timestamp(), result = p_result,
      outcome = coalesce(p_result #>> '{completion,outcome}', p_result ->> 'status', 'failed'),
      completed = coalesce((p_result #>> '{completion,scoped_completion}')::boolean, false)
      where item = p_item;
    return null;
  end if;
  insert into fleet.refused (item, epoch, session, why, result)
    select p_item, p_epoch, p_session, fault, p_result
    where not exists (select from fleet.refused
      where item = p_item and epoch = p_epoch and session = p_session and result = p_result);
  return fault;
end $$;

-- Replace the item's progress, if the lease is the present one.
create function fleet.progress(
  p_session uuid, p_item text, p_epoch bigint, p_identity uuid, p_stage text, p_message text,
  p_sequence bigint
) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  i fleet.items;
begin
  select * into i from fleet.items where item = p_item for update;
  if fleet.lease_fault(i, p_session, p_epoch, p_identity) is not null then
    return false;
  end if;
  update fleet.items set progress_stage = p_stage, progress_message = p_message,
    progress_sequence = p_sequence, progress_at = clock_timestamp() where item = p_item;
  return true;
end $$;

-- Record a heartbeat; no row if another session holds the name.
create function fleet.beat(p_host text, p_session uuid)
returns table (draining boolean, wishes text[])
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update fleet.hosts h set seen_at = clock_timestamp()
    where h.host = p_host and h.session = p_session and h.role = session_user
    returning h.draining, array(
      select i.item from fleet.workspaces w join fleet.items i on i.item = w.item
      where w.host = h.host and w.session = p_session and i.epoch = w.epoch
        and i.wish = 'cancel' and i.ended_at is null)
$$;

-- End a session: nobody holds the host's name then.
create function fleet.close(p_host text, p_session uuid) returns void
language sql security definer set search_path = pg_catalog, pg_temp as $$
  update fleet.hosts h set session = null
    where h.host = p_host and h.session = p_session and h.role = session_user
$$;

-- Dispatch open items again whose dispatch has ended without a result: the engine has ended it, or
-- its claim was lost on the way. A claim is lost if no thread of the host performs it after a while,
-- even if another host has claimed it, which may not run it; what the host's last session left is
-- the engine's to recover first. The row of an ended dispatch is deleted: what cannot start is
-- dispatched again for as long as it is open. An item that fails outside its run again and again is
-- set aside, as the engine does after so many recoveries.
create function fleet.reconcile(p_host text, p_session uuid, p_running text[]) returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  r record;
  again text[] := '{}';
begin
  if fleet.host_of(p_session) is distinct from p_host then
    return again;
  end if;
  for r in select i.item, i.attempts, s.workflow_uuid, s.status from fleet.items i
      join fleet.workspaces w on w.workspace = i.workspace
      join fleet.hosts h on h.host = w.host
      left join dbos.workflow_status s
        on s.workflow_uuid = fleet.dispatch_id(i.item, i.dispatch)
      where w.host = p_host and i.ended_at is null and i.item <> all (p_running)
        and i.dispatched_at < clock_timestamp() - interval '3 s'
        and (s.status is null or s.status in ('SUCCESS', 'ERROR', 'CANCELLED')
          or (s.status = 'PENDING' and greatest(
              s.started_at_epoch_ms, s.updated_at, fleet.epoch_ms(h.started_at))
            < fleet.epoch_ms(clock_timestamp() - interval '30 s')))
      order by i.submitted_at for update of i loop
    if r.status = 'ERROR' and r.attempts > 10 then
      update dbos.workflow_status set status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'
        where workflow_uuid = r.workflow_uuid and status = 'ERROR';
      continue;
    elsif r.status = 'PENDING' then
      update dbos.workflow_status
        set status = 'CANCELLED', queue_name = null, queue_partition_key = null,
          completed_at = fleet.epoch_ms(clock_timestamp())
        where workflow_uuid = r.workflow_uuid and status = 'PENDING';
    else
      delete from dbos.workflow_status where workflow_uuid = r.workflow_uuid
        and status in ('SUCCESS', 'ERROR', 'CANCELLED');
    end if;
    perform fleet.dispatch(r.item);
    again := again || r.item;
  end loop;
  return again;
end $$;

-- Bind waiting items with a label to free workspaces of this host, as many as it has free slots:
-- a workspace is free if nothing is open in it.
create function fleet.bind(p_host text, p_session uuid) returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  h fleet.hosts;
  w fleet.workspaces;
  free int;
  chosen text;
  bound text[] := '{}';
begin
  select * into h from fleet.hosts where host = p_host and session = p_session
    and role = session_user;
  if not found or h.draining then
    return bound;
  end if;
  if not exists (select from fleet.items where ended_at is null and workspace is null) then
    return bound;
  end if;
  free := h.slots - (select count(distinct i.workspace) from fleet.items i
    join fleet.workspaces x on x.workspace = i.workspace
    where x.host = p_host and i.ended_at is null);
  for w in select * from fleet.workspaces x
      where x.host = p_host and x.labels <> '{}'
        and not (x.paused and coalesce(x.paused_until, 'infinity') > clock_timestamp())
      order by x.workspace for update loop
    exit when free <= 0;
    continue when exists (
      select from fleet.items where workspace = w.workspace and ended_at is null);
    select i.item into chosen from fleet.items i
      where i.ended_at is null and i.workspace is null and i.label = any (w.labels)
        and (i.not_before is null or i.not_before <= clock_timestamp())
      order by i.priority, i.submitted_at limit 1 for update skip locked;
    continue when chosen is null;
    update fleet.items set workspace = w.workspace where item = chosen;
    perform fleet.dispatch(chosen);
    bound := bound || chosen;
    free := free - 1;
  end loop;
  return bound;
end $$;
