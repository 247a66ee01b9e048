"""The rehearsal partner: a scripted chat model that really uses Letta's memory tools.

`fact` is one thing known, `facts` understands what is told and asked, `memory` reads Letta's memory blocks and the history,
`replies` decides the next step, `recall` looks up earlier talks, `summary` shortens this one, `talk`
holds the lines about everything else, `wire` speaks OpenAI's format.
"""
