"""The packs: jobs that back ends end up writing, finished. Each is a folder that plugs into an application."""
