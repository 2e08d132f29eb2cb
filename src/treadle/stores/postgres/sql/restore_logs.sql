-- Epoch 0: whatever a later attempt has to tell comes behind it.
INSERT INTO treadle.log (job, epoch, lines)
SELECT ref, 0, lines FROM unnest(:ref::uuid[], :lines::text[]) AS row (ref, lines)
