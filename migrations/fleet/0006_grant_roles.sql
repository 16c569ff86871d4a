-- Who may do what. A login role is a member of one group; `fleet grant` makes it.

revoke all on schema fleet from public;
revoke all on all functions in schema fleet from public;
revoke all on all tables in schema fleet from public;

grant usage on schema fleet to fleet_submit, fleet_worker;
grant select on fleet.overview, fleet.item_index, fleet.host_overview, fleet.workspace_overview,
  fleet.schedule_overview, fleet.refused, fleet.version to fleet_submit, fleet_worker;
grant execute on function fleet.overview_of to fleet_submit, fleet_worker;
-- The views call these as the reader.
grant execute on function fleet.dispatch_id, fleet.queue_of, fleet.epoch_ms
  to fleet_submit, fleet_worker;
grant execute on function fleet.submit, fleet.cancel to fleet_submit, fleet_worker;
grant execute on function fleet.open, fleet.register, fleet.take, fleet.deliver, fleet.progress,
  fleet.beat, fleet.close, fleet.reconcile, fleet.bind to fleet_worker;
-- Each of these checks that the caller owns the fleet or is the host concerned.
grant execute on function fleet.retry, fleet.drain, fleet.pause, fleet.forget_workspace,
  fleet.release_workspace,
  fleet.prune, fleet.after_restore to fleet_worker;
