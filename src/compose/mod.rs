//! What is put together from jobs: groups, scopes, maps, timers, retries, lanes.
