DELETE FROM treadle.standing
 WHERE hashtextextended(name, 0) = hashtextextended(:name::text, 0) AND name = :name::text
