-- with: replacing, adding
-- Keep new jobs of any kind.

return answer(replace_all(replace))
