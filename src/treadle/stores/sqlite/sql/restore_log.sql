-- Epoch 0: whatever a later attempt has to tell comes behind it.
INSERT INTO treadle_log (job, epoch, lines) VALUES (:ref, 0, :lines)
