"""Moving the jobs of one store into another: nothing is lost, nothing runs twice, and a move that was cut off goes on.

It works on any two stores through their protocol. `plan` decides, `turn` sees that one mover is at work at a time,
`mover` does it, `survey` only looks.
"""

from treadle.moving.abandoned import living
from treadle.moving.mover import Mover, Stuck, Tally
from treadle.moving.survey import Survey, survey
from treadle.moving.turn import MoveRefused

__all__ = ["MoveRefused", "Mover", "Stuck", "Survey", "Tally", "living", "survey"]
