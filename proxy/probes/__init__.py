"""What the proxy asks of the system: its processes, what answers, and what is left of the machine.

Each file asks one thing; `watch.py` puts the answers together, once or every second, and
`connection.py` tries the whole way of sound when the page's button is pressed. The doctor asks the
same and more.
"""
