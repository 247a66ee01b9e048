"""How well the models server hears, by the agent's own way of asking it, without rooms and calls.

`texts` and `voices` are what is said and by whom, `conditions` what becomes of it on its way,
`noises` what nobody says anything in; `ear` hears, `wording` compares, `before` is what the
speech-to-text that came before had.
"""
