-- with: flowing
-- What `cycle.lua` does, where jobs leave gates, lanes are open, or an operator steers.

note_ended = note_left
go_on_when_full()
complete_all()
return flow()
