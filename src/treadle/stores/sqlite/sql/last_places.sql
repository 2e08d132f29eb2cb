SELECT coalesce((SELECT max(rowid) FROM treadle_standing), 0), coalesce((SELECT max(rowid) FROM treadle_turn), 0)
