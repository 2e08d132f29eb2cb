-- with: runs, pictures
-- Read one job, all that is known of it. ARGV: now, id. Answers now and its picture, if it is there.

return { digits(now), whole({ ARGV[2] })[1] }
