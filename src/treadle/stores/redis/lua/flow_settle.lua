-- with: waiting, settling, flowing
-- What `settle.lua` does, where jobs leave gates, lanes are open, or an operator steers.

note_ended = note_left
go_on_when_full()
settle_all()
return flow()
