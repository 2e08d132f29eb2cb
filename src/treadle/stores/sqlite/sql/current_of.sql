SELECT asked.key FROM json_each(:claims) AS asked
  JOIN treadle_job AS job ON job.seq = json_extract(asked.value, '$[0]')
 WHERE job.epoch = json_extract(asked.value, '$[1]') AND job.state = 'running'
