"""The worker of one host in the fleet.

It performs the items of its host's workspaces, and reports to the fleet's database. `worker` has
the order of steps, `dispatches` performs one dispatch, `heartbeat` keeps the host's session.
"""
