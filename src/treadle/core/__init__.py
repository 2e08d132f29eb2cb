"""What is true of jobs. Pure: no I/O, no clock, standard library only; knows nobody else."""
